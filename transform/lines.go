package transform

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Lines reads the messages of a file, one per line (contract §1). LF ends a line,
// and one CR before it belongs to the line end; a CR at the end of the file does
// not. An empty line is an empty message, which is a tombstone. Not safe for
// concurrent use.
type Lines struct {
	r         *bufio.Reader
	limit     int
	buf       []byte
	row       int64
	truncated bool
}

// NewLines reads from r. limit is transform.max_message_bytes. Of a longer line
// it keeps one byte more than limit, enough to be refused as too large, so that
// memory stays bounded.
func NewLines(r io.Reader, limit int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 256<<10), limit: limit, row: -1}
}

// Row is the number of the last line from Next, from 0.
func (l *Lines) Row() int64 { return l.row }

// Truncated reports whether the last line was longer than the limit and is
// incomplete.
func (l *Lines) Truncated() bool { return l.truncated }

// Next returns the next line without its line end, valid until the next call.
// After the last line the error is io.EOF. A line that a read error cuts off is
// not returned.
func (l *Lines) Next() ([]byte, error) {
	fragment, err := l.r.ReadSlice('\n')
	line := fragment
	length := len(fragment)
	if errors.Is(err, bufio.ErrBufferFull) {
		// Keep one byte more than the limit and a line end; count the rest.
		l.buf = append(l.buf[:0], fragment[:min(length, l.limit+3)]...)
		for errors.Is(err, bufio.ErrBufferFull) {
			fragment, err = l.r.ReadSlice('\n')
			l.buf = append(l.buf, fragment[:min(len(fragment), max(l.limit+3-length, 0))]...)
			length += len(fragment)
		}
		line = l.buf
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read line %d: %w", l.row+2, err)
	}
	if length == 0 {
		return nil, io.EOF
	}
	l.row++
	if err == nil {
		length-- // the LF
	}
	line = line[:min(len(line), length)]
	if err == nil && len(line) == length {
		line = bytes.TrimSuffix(line, []byte{'\r'})
		length = len(line)
	}
	l.truncated = length > l.limit+1
	return line[:min(len(line), l.limit+1)], nil
}
