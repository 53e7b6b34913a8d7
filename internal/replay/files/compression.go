package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/pianola/pianola/internal/replay/files/rows"
)

// Compression is how the bytes of a file are compressed. It is detected from the first
// bytes, not from the name.
type Compression string

// The compressions.
const (
	Plain Compression = "none"
	Gzip  Compression = "gzip"
	Zstd  Compression = "zstd"
)

// maxWindow bounds the memory of a zstd stream. The levels up to 19 need 8 MiB.
const maxWindow = 32 << 20

func detectCompression(head []byte) Compression {
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return Gzip
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")), len(head) >= 4 && head[0]&0xf0 == 0x50 && bytes.HasPrefix(head[1:], []byte("\x2a\x4d\x18")):
		return Zstd
	}
	return Plain
}

// unpack returns the content of a compressed stream. Closing it does not close the stream.
func unpack(c Compression, from io.Reader) (io.ReadCloser, error) {
	switch c {
	case Gzip:
		r, err := gzip.NewReader(from)
		if err != nil {
			return nil, damage(c, err)
		}
		return &unpacked{c, r, r.Close}, nil
	case Zstd:
		r, err := zstd.NewReader(from, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, damage(c, err)
		}
		return &unpacked{c, r, func() error { r.Close(); return nil }}, nil
	}
	return io.NopCloser(from), nil
}

type unpacked struct {
	compression Compression
	from        io.Reader
	close       func() error
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.from.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = damage(u.compression, err)
	}
	return n, err
}

func (u *unpacked) Close() error { return u.close() }

// damage is an error of unpacking. An error of the file below stays what it is.
func damage(c Compression, err error) error {
	var read *rows.ReadError
	switch {
	case errors.As(err, &read), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, zstd.ErrWindowSizeExceeded):
		return fmt.Errorf("the zstd stream needs a window of more than %d MiB; compress it again without --long and --ultra", maxWindow>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return fmt.Errorf("the %s stream ends early; copy the file again", c)
	}
	return fmt.Errorf("the %s stream is damaged; copy the file again", c)
}
