package front

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// holdbackBytes is how much of a result is held back before its headers are sent.
const holdbackBytes = 1 << 20

// holdback keeps the beginning of a body, or, to wait for its end, all of it: the
// first of it in memory, what is more in a file.
type holdback struct {
	release func() io.Writer // called once, when the body is let go
	wait    bool

	held     bytes.Buffer
	file     *os.File
	out      io.Writer
	released bool
}

func (h *holdback) Write(p []byte) (int, error) {
	switch {
	case h.released:
		return h.out.Write(p)
	case h.held.Len()+len(p) <= holdbackBytes && h.file == nil:
		return h.held.Write(p)
	case h.wait:
		return h.spill(p)
	}
	if err := h.letGo(); err != nil {
		return 0, err
	}
	return h.out.Write(p)
}

func (h *holdback) spill(p []byte) (int, error) {
	if h.file == nil {
		file, err := os.CreateTemp("", "pianola-result-")
		if err != nil {
			return 0, fmt.Errorf("hold a result back: %w", err)
		}
		h.file = file
	}
	n, err := h.file.Write(p)
	if err != nil {
		return n, fmt.Errorf("hold a result back: %w", err)
	}
	return n, nil
}

// letGo sends what is held.
func (h *holdback) letGo() error {
	h.out, h.released = h.release(), true
	if _, err := h.held.WriteTo(h.out); err != nil {
		return err
	}
	if h.file == nil {
		return nil
	}
	if _, err := h.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(h.out, h.file)
	return err
}

func (h *holdback) finish() error {
	if h.released {
		return nil
	}
	return h.letGo()
}

// discard removes the file.
func (h *holdback) discard() {
	if h.file != nil {
		_ = h.file.Close()
		_ = os.Remove(h.file.Name())
	}
}
