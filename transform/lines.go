package transform

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// Lines reads the messages of a file, one a line (contract §1): LF ends a line,
// one CR before it belongs to the line end, a CR at the end of the file does not;
// an empty line is a message without bytes, which is a tombstone. It is not safe
// for concurrent use.
type Lines struct {
	r         *bufio.Reader
	limit     int
	buf       []byte
	row       int64
	truncated bool
}

// NewLines reads from r. limit is transform.max_message_bytes: of a longer line
// one byte more than that is kept, enough to be refused as too large, so memory
// stays bounded whatever the file holds.
func NewLines(r io.Reader, limit int) *Lines {
	return &Lines{r: bufio.NewReaderSize(r, 256<<10), limit: limit, row: -1}
}

// Row is the number of the last line that Next gave, from 0.
func (l *Lines) Row() int64 { return l.row }

// Truncated says whether the last line was longer than the limit and is not all
// there.
func (l *Lines) Truncated() bool { return l.truncated }

// Next gives the next line without its line end. It holds until the next call.
// After the last line the error is io.EOF; a line that a read error cuts off is
// not given.
func (l *Lines) Next() ([]byte, error) {
	fragment, err := l.r.ReadSlice('\n')
	line := fragment
	length := len(fragment)
	if errors.Is(err, bufio.ErrBufferFull) {
		// Kept are one byte more than the limit and a line end; the rest is counted.
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
