package consumer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/snappy"
	"github.com/segmentio/kafka-go/compress"
)

// maxBatch bounds what one batch may become when decompressed, in bytes: far
// beyond any broker's limit for what was produced, and a bound for what a
// hostile producer can make of a small batch.
const maxBatch = 256 << 20

var (
	errTooLarge = fmt.Errorf("decompresses to more than %d MiB", maxBatch>>20)
	errSnappy   = errors.New("snappy data is damaged")
	errCodec    = errors.New("unknown compression codec")
)

// decompressor owns the readers that are used again for each batch.
type decompressor struct {
	source bytes.Reader
}

// appendTo appends the whole of the decompressed src to dst.
func (d *decompressor) appendTo(dst, src []byte, codec compress.Compression) ([]byte, error) {
	switch codec {
	case compress.Snappy:
		return appendSnappy(dst, src)
	case compress.Gzip, compress.Lz4, compress.Zstd:
		d.source.Reset(src)
		defer d.source.Reset(nil)
		r := codec.Codec().NewReader(&d.source)
		dst, err := appendAll(dst, r)
		return dst, errors.Join(err, r.Close())
	}
	return dst, errCodec
}

// appendAll reads r to its end.
func appendAll(dst []byte, r io.Reader) ([]byte, error) {
	dst, ended, err := appendUpTo(dst, r, maxBatch+1)
	if err == nil && !ended {
		err = errTooLarge
	}
	return dst, err
}

// xerial is how Java's snappy library begins its framing: eight bytes of magic,
// two numbers, then blocks behind their lengths. Other producers write one raw
// block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// appendSnappy is done here because kafka-go's reader believes any length that
// a frame announces.
func appendSnappy(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerial) || len(src) < 16 {
		return appendSnappyBlock(dst, src, len(dst))
	}
	start := len(dst)
	for rest := src[16:]; len(rest) > 0; {
		if len(rest) < 4 {
			return dst, errSnappy
		}
		n := binary.BigEndian.Uint32(rest)
		if rest = rest[4:]; uint64(n) > uint64(len(rest)) {
			return dst, errSnappy
		}
		var err error
		if dst, err = appendSnappyBlock(dst, rest[:n], start); err != nil {
			return dst, err
		}
		rest = rest[n:]
	}
	return dst, nil
}

func appendSnappyBlock(dst, block []byte, start int) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	switch {
	case err != nil:
		return dst, errSnappy
	case len(dst)-start+n > maxBatch:
		return dst, errTooLarge
	case n > 32*len(block)+64:
		// Snappy's densest form is 64 bytes out of 3: a length beyond that is
		// a lie, and memory is not given to it.
		return dst, errSnappy
	}
	dst = slices.Grow(dst, n)
	out, err := snappy.Decode(dst[len(dst):len(dst)+n], block)
	if err != nil || len(out) != n {
		return dst, errSnappy
	}
	return dst[:len(dst)+n], nil
}
