package block

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// cursor moves over the input. What it passes goes to the output, what it takes
// does not.
type cursor struct {
	in  *bufio.Reader
	out io.Writer
}

// cut turns the end of the input inside a block into an unexpected one.
func cut(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// pass copies n bytes, a buffer at a time.
func (c *cursor) pass(n uint64) error {
	for n > 0 {
		if c.in.Buffered() == 0 {
			if _, err := c.in.Peek(1); err != nil {
				return cut(err)
			}
		}
		window, err := c.in.Peek(int(min(n, uint64(c.in.Buffered()))))
		if err != nil {
			return cut(err)
		}
		if err := c.emit(window); err != nil {
			return err
		}
		if _, err := c.in.Discard(len(window)); err != nil {
			return cut(err)
		}
		n -= uint64(len(window))
	}
	return nil
}

// passStrings copies rows strings, each a length and that many bytes.
func (c *cursor) passStrings(rows uint64) error {
	for rows > 0 {
		// As many as lie whole in the buffer are passed at once.
		window, err := c.in.Peek(c.in.Buffered())
		if err != nil {
			return cut(err)
		}
		end := 0
		for rows > 0 {
			size, width := binary.Uvarint(window[end:])
			if width <= 0 || size > uint64(len(window)-end-width) {
				break
			}
			end += width + int(size)
			rows--
		}
		if end == 0 {
			// None does: the next one is longer than what is buffered.
			size, err := c.passUvarint()
			if err != nil {
				return err
			}
			if err := atMost("bytes in a string", size, maxString); err != nil {
				return err
			}
			if err := c.pass(size); err != nil {
				return err
			}
			rows--
			continue
		}
		if err := c.emit(window[:end]); err != nil {
			return err
		}
		if _, err := c.in.Discard(end); err != nil {
			return cut(err)
		}
	}
	return nil
}

func (c *cursor) takeUvarint() (uint64, error) {
	n, err := binary.ReadUvarint(c.in)
	if err != nil {
		return 0, cut(err)
	}
	return n, nil
}

func (c *cursor) passUvarint() (uint64, error) {
	n, err := c.takeUvarint()
	if err != nil {
		return 0, err
	}
	return n, c.emit(binary.AppendUvarint(nil, n))
}

// passUint64 copies a fixed-width number and gives it.
func (c *cursor) passUint64() (uint64, error) {
	var b [8]byte
	if _, err := io.ReadFull(c.in, b[:]); err != nil {
		return 0, cut(err)
	}
	return binary.LittleEndian.Uint64(b[:]), c.emit(b[:])
}

// passText copies a short string and gives it.
func (c *cursor) passText() (string, error) {
	size, err := c.passUvarint()
	if err != nil {
		return "", err
	}
	if err := atMost("bytes in a name or type", size, maxName); err != nil {
		return "", err
	}
	text := make([]byte, size)
	if _, err := io.ReadFull(c.in, text); err != nil {
		return "", cut(err)
	}
	return string(text), c.emit(text)
}

func (c *cursor) emit(p []byte) error {
	if _, err := c.out.Write(p); err != nil {
		return fmt.Errorf("write block: %w", err)
	}
	return nil
}
