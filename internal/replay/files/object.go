package files

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pianola/pianola/internal/replay/files/rows"
)

// Stamp identifies the content of a file without reading it. A file with another stamp is
// another file.
type Stamp struct {
	Size     int64     `json:"size"`
	Modified time.Time `json:"modified"`
	Tag      string    `json:"tag,omitempty"` // ETag of an object
}

// Equal reports whether two stamps are of the same content.
func (s Stamp) Equal(other Stamp) bool {
	return s.Size == other.Size && s.Tag == other.Tag && s.Modified.Equal(other.Modified)
}

// ErrChanged means that a file is not the one that was planned.
var ErrChanged = errors.New("the file has changed since it was planned; plan again when it is complete, with --replace if rows of it are stored")

// object is a file, an object in a bucket, or standard input.
type object interface {
	// stamp asks for the stamp as it is now.
	stamp(ctx context.Context) (Stamp, error)
	// peek reads the start of the content, and leaves standard input as it is.
	peek(ctx context.Context, s Stamp) (io.ReadCloser, error)
	// open reads the content of a stamp from its start. A read error is a *rows.ReadError,
	// and the end before the size of the stamp is one too.
	open(ctx context.Context, s Stamp) (io.ReadCloser, error)
	// readerAt reads anywhere. readAhead is how much to read at once.
	readerAt(ctx context.Context, s Stamp) (r io.ReaderAt, readAhead int, err error)
}

// local is a regular file.
type local struct{ path string }

// localReadAhead is how much of a column is read at once.
const localReadAhead = 128 << 10

func (l local) stamp(context.Context) (Stamp, error) {
	info, err := os.Stat(l.path)
	if err != nil {
		return Stamp{}, plain(err)
	}
	return stampOf(info)
}

func stampOf(info fs.FileInfo) (Stamp, error) {
	switch {
	case info.IsDir():
		return Stamp{}, errors.New("is a directory; give its files, for example as DIRECTORY/*.csv.gz")
	case !info.Mode().IsRegular():
		return Stamp{}, errors.New("is not a regular file; pass it on standard input, as -")
	}
	return Stamp{Size: info.Size(), Modified: info.ModTime().UTC()}, nil
}

// plain is a file system error without the path, which the caller has.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

func (l local) openFile(s Stamp) (*os.File, error) {
	file, err := os.Open(l.path)
	if err != nil {
		return nil, plain(err)
	}
	info, err := file.Stat()
	if err == nil {
		var now Stamp
		if now, err = stampOf(info); err == nil && !now.Equal(s) {
			err = ErrChanged
		}
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func (l local) open(ctx context.Context, s Stamp) (io.ReadCloser, error) {
	file, err := l.openFile(s)
	if err != nil {
		return nil, err
	}
	return &exactReader{ctx: ctx, from: file, left: s.Size}, nil
}

func (l local) peek(ctx context.Context, s Stamp) (io.ReadCloser, error) { return l.open(ctx, s) }

func (l local) readerAt(ctx context.Context, s Stamp) (io.ReaderAt, int, error) {
	file, err := l.openFile(s)
	if err != nil {
		return nil, 0, err
	}
	return &fileAt{ctx, file}, localReadAhead, nil
}

// fileAt marks the errors of a file as such.
type fileAt struct {
	ctx  context.Context
	file *os.File
}

func (f *fileAt) ReadAt(p []byte, at int64) (int, error) {
	if err := context.Cause(f.ctx); err != nil {
		return 0, err
	}
	n, err := f.file.ReadAt(p, at)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &rows.ReadError{Err: plain(err)}
	}
	return n, err
}

func (f *fileAt) Close() error { return f.file.Close() }

// exactReader reads as many bytes as a file had when it was planned.
type exactReader struct {
	ctx  context.Context
	from io.ReadCloser
	left int64
}

func (r *exactReader) Read(p []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.from.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case errors.Is(err, io.EOF) && r.left > 0:
		err = &rows.ReadError{Err: ErrChanged} // it has become shorter
	case err != nil && !errors.Is(err, io.EOF):
		err = &rows.ReadError{Err: plain(err)}
	}
	return n, err
}

func (r *exactReader) Close() error { return r.from.Close() }

// stdin is standard input, which can be read once.
type stdin struct{ from *bufio.Reader }

func newStdin(from io.Reader) stdin { return stdin{bufio.NewReaderSize(from, rows.HeadBytes)} }

var errStdinOnce = errors.New("standard input can be read once; start a new job with the data saved to a file")

func (s stdin) stamp(context.Context) (Stamp, error) { return Stamp{}, nil }

func (s stdin) peek(context.Context, Stamp) (io.ReadCloser, error) {
	head, err := s.from.Peek(rows.HeadBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(head)), nil
}

func (s stdin) open(context.Context, Stamp) (io.ReadCloser, error) { return io.NopCloser(s.from), nil }

func (s stdin) readerAt(context.Context, Stamp) (io.ReaderAt, int, error) {
	return nil, 0, errStdinOnce
}

// spool copies a stream to a temporary file without a name, because Parquet is read from
// several places at once.
func spool(from io.Reader) (file *os.File, size int64, err error) {
	file, err = os.CreateTemp("", "pianola-*.parquet")
	if err != nil {
		return nil, 0, fmt.Errorf("create a temporary file: %w; set TMPDIR to a directory with room", plain(err))
	}
	if err := os.Remove(file.Name()); err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("remove the name of a temporary file: %w", plain(err))
	}
	if size, err = io.Copy(file, from); err != nil {
		file.Close()
		var path *fs.PathError
		if errors.As(err, &path) {
			return nil, 0, fmt.Errorf("unpack to a temporary file: %w; set TMPDIR to a directory with room, or unpack it first", plain(err))
		}
		return nil, 0, err
	}
	return file, size, nil
}

// absolute is the path under which a job finds the file again from another directory.
func absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}
