package rows

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// PageMemory bounds what the pages of all Parquet files hold together. A file has a share.
// A file that needs more waits until it is the only one that has more. It is safe for
// concurrent use.
type PageMemory struct {
	share, large int
	one          chan struct{} // capacity 1: the file that has more than its share
}

// NewPageMemory divides bytes: half is shared by so many files, half is for one of them.
func NewPageMemory(bytes, files int) *PageMemory {
	return &PageMemory{share: bytes / 2 / max(files, 1), large: bytes / 2, one: make(chan struct{}, 1)}
}

// pageAccount is what the pages of one file hold.
type pageAccount struct {
	ctx    context.Context
	memory *PageMemory
	used   int
	large  bool // it holds more than its share
}

// memoryError is a file that needs more than there is.
type memoryError struct{ bytes int }

func (e *memoryError) Error() string {
	return fmt.Sprintf("the pages of one row group need more than %d MiB; write the file with smaller pages (1 MiB is common) or row groups", e.bytes>>20)
}

// add counts bytes before they are read. A negative number frees them.
func (a *pageAccount) add(bytes int) error {
	a.used += bytes
	switch {
	case a.used > a.memory.share+a.memory.large:
		return &memoryError{a.memory.share + a.memory.large}
	case a.used > a.memory.share && !a.large:
		select {
		case a.memory.one <- struct{}{}:
			a.large = true
		case <-a.ctx.Done():
			return a.ctx.Err()
		}
	}
	return nil
}

// release frees everything, after the last page of a row group.
func (a *pageAccount) release() {
	a.used = 0
	if a.large {
		a.large = false
		<-a.memory.one
	}
}

// chunkPages reads the pages of one column in one row group. It looks at the header of a
// page before parquet-go allocates what the header says.
type chunkPages struct {
	pages   *parquet.FilePages
	window  *window
	account *pageAccount
	next    int64 // where the next header is
	end     int64
	held    int // bytes of the last page
}

func openPages(chunk *parquet.FileColumnChunk, meta *format.ColumnMetaData, file io.ReaderAt, readAhead int, account *pageAccount) *chunkPages {
	start := meta.DataPageOffset
	if meta.DictionaryPageOffset != 0 { // as parquet-go does
		start = meta.DictionaryPageOffset
	}
	end := start + meta.TotalCompressedSize
	w := &window{file: file, end: end, size: readAhead}
	return &chunkPages{pages: chunk.PagesFrom(w), window: w, account: account, next: start, end: end}
}

// read returns the next page with rows, or io.EOF. The caller releases it.
func (c *chunkPages) read() (parquet.Page, error) {
	if err := c.account.add(-c.held); err != nil {
		return nil, err
	}
	c.held = 0
	for c.next < c.end {
		header, length, err := c.header()
		if err != nil {
			return nil, err
		}
		size := int(header.CompressedPageSize) + 2*int(header.UncompressedPageSize)
		if header.CompressedPageSize < 0 || header.UncompressedPageSize < 0 || c.next+length+int64(header.CompressedPageSize) > c.end {
			return nil, errDamaged
		}
		if err := c.account.add(size); err != nil {
			return nil, err
		}
		c.next += length + int64(header.CompressedPageSize)
		if header.Type != format.DictionaryPage { // a dictionary stays until the end of the row group
			c.held = size
			break
		}
	}
	return c.pages.ReadPage()
}

// maxHeader bounds a page header, which has the smallest and the largest value of its
// page.
const maxHeader = 1 << 20

func (c *chunkPages) header() (*format.PageHeader, int64, error) {
	for size := 1 << 10; ; size *= 8 {
		bytes, err := c.window.peek(c.next, size)
		if err != nil {
			return nil, 0, err
		}
		var protocol thrift.CompactProtocol
		reader := protocol.NewReaderFromBytes(bytes)
		header := new(format.PageHeader)
		err = thrift.NewDecoder(reader).Decode(header)
		if err == nil {
			return header, int64(reader.BytesRead()), nil
		}
		if size >= maxHeader || len(bytes) < size {
			return nil, 0, errDamaged
		}
	}
}

func (c *chunkPages) close() { _ = c.pages.Close() } // it has only been read

// window reads a part of a file ahead, in order. So the headers and the many small reads
// of a column become few requests.
type window struct {
	file io.ReaderAt
	end  int64 // of the part
	size int

	start int64
	buf   []byte
}

// peek returns up to so many bytes at an offset, fewer at the end of the part.
func (w *window) peek(at int64, bytes int) ([]byte, error) {
	bytes = int(min(int64(bytes), w.end-at))
	if at < w.start || at+int64(bytes) > w.start+int64(len(w.buf)) {
		if err := w.fill(at, max(bytes, w.size)); err != nil {
			return nil, err
		}
	}
	return w.buf[at-w.start:][:bytes], nil
}

func (w *window) fill(at int64, bytes int) error {
	bytes = int(min(int64(bytes), w.end-at))
	if cap(w.buf) < bytes {
		w.buf = make([]byte, bytes)
	}
	w.start, w.buf = at, w.buf[:bytes]
	n, err := w.file.ReadAt(w.buf, at)
	w.buf = w.buf[:n]
	if n == bytes {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return errDamaged // the footer says that there is more
	}
	return err
}

// ReadAt implements io.ReaderAt for parquet-go. A large page is read directly.
func (w *window) ReadAt(p []byte, at int64) (int, error) {
	n := 0
	if at >= w.start && at < w.start+int64(len(w.buf)) {
		n = copy(p, w.buf[at-w.start:])
	}
	rest := p[n:]
	at += int64(n)
	switch {
	case len(rest) == 0:
		return n, nil
	case at >= w.end:
		return n, io.EOF
	case len(rest) >= w.size:
		more, err := w.file.ReadAt(rest, at)
		return n + more, err
	}
	if err := w.fill(at, w.size); err != nil {
		return n, err
	}
	more := copy(rest, w.buf)
	if more < len(rest) {
		return n + more, io.EOF
	}
	return n + more, nil
}
