package consumer

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// zstdWindow is the window descriptor of a frame header (RFC 8878, 3.1.1.1.2).
type zstdWindow byte

// A decoder keeps a window of what it has decoded. A header may ask for any
// window, for a batch of any size: level 22 asks for 128 MiB in every batch. So
// the header is changed before it is decoded. The first piece of a batch fits
// into smallWindow, and so does the rest unless it repeats what is further back.
// Then the batch is decoded again, as a large one.
const (
	smallWindow zstdWindow = 12<<3 | 1 // 4.5 MiB: a piece and a block
	largeWindow zstdWindow = 16 << 3   // 64 MiB
)

func (w zstdWindow) bytes() uint64 {
	base := uint64(1) << (10 + w>>3)
	return base + base/8*uint64(w&7)
}

var errWindow = fmt.Errorf("its zstd data repeats what is more than %d MiB back, or is damaged", largeWindow.bytes()>>20)

// zstdStream decompresses one batch with a bounded window.
type zstdStream struct {
	decoder *zstd.Decoder
	limited bool  // the header asked for a larger window
	beyond  error // returned when the window may be the cause
}

// openZstd starts to decompress src, which is in d.source.
func (d *decompressor) openZstd(src []byte) (*zstdStream, error) {
	window, s := smallWindow, &zstdStream{beyond: errLarge}
	if d.large {
		window, s.beyond = largeWindow, errWindow
	}
	var from io.Reader = &d.source
	head, skip := limitWindow(src, window)
	if s.limited = head != nil; s.limited {
		d.source.Reset(src[skip:])
		from = io.MultiReader(bytes.NewReader(head), &d.source)
	}
	if d.zstd == nil {
		var err error
		if d.zstd, err = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1)); err != nil {
			return nil, errDamaged
		}
	}
	s.decoder = d.zstd
	// A batch may have more frames. Their headers are not changed, but bounded.
	if err := s.decoder.ResetWithOptions(from, zstd.WithDecoderMaxWindow(window.bytes())); err != nil {
		return nil, errDamaged
	}
	return s, nil
}

// limitWindow returns a header in place of the first skip bytes of src, when src
// asks for more than window; otherwise nil.
func limitWindow(src []byte, window zstdWindow) (head []byte, skip int) {
	var h zstd.Header
	if h.Decode(src) != nil || h.Skippable {
		return nil, 0 // the decoder reports it, or bounds it
	}
	asked := h.WindowSize
	if h.SingleSegment {
		asked = h.FrameContentSize // there is no window descriptor
	}
	if asked <= window.bytes() {
		return nil, 0
	}
	const magic, singleSegment = 4, 1 << 5
	rest := src[magic+1 : h.HeaderSize]
	if !h.SingleSegment {
		rest = rest[1:]
	}
	head = append(head, src[:magic]...)
	head = append(head, src[magic]&^singleSegment, byte(window))
	return append(head, rest...), h.HeaderSize
}

// Read implements io.Reader.
func (s *zstdStream) Read(p []byte) (int, error) {
	n, err := s.decoder.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
		return n, err
	case s.limited, errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, s.beyond
	}
	return n, errDamaged
}

// Close implements io.Closer.
func (s *zstdStream) Close() error {
	_ = s.decoder.Reset(nil) // keeps its memory, and no reference to the source
	return nil
}
