package front

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/pianola/pianola/internal/sandbox/front/block"
)

// maxStatement bounds the text of a statement and everything else that is held as
// a whole; maxShort bounds names, logins and the like.
const (
	maxStatement = 16 << 20
	maxShort     = 64 << 10
)

// readText reads a length and that many bytes, refusing a length over limit
// before anything is allocated for it.
func readText(in *bufio.Reader, limit uint64) (string, error) {
	size, err := binary.ReadUvarint(in)
	if err != nil {
		return "", err
	}
	if size > limit {
		return "", fmt.Errorf("%w: a text of %d bytes, at most %d", block.ErrLimit, size, limit)
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(in, text); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return "", err
	}
	return string(text), nil
}

// fields reads a packet's fields one after the other; the first error sticks, so
// that it is asked for once.
type fields struct {
	in  *bufio.Reader
	err error
}

func (f *fields) text(limit uint64) string {
	if f.err != nil {
		return ""
	}
	var text string
	text, f.err = readText(f.in, limit)
	return text
}

func (f *fields) number() uint64 {
	if f.err != nil {
		return 0
	}
	var n uint64
	n, f.err = binary.ReadUvarint(f.in)
	return n
}

func (f *fields) byte() byte {
	if f.err != nil {
		return 0
	}
	var b byte
	b, f.err = f.in.ReadByte()
	return b
}

func (f *fields) skip(n int) {
	if f.err == nil {
		_, f.err = f.in.Discard(n)
	}
}
