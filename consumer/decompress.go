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

// maxBatch bounds a decompressed batch, in bytes. It is far above any broker's
// limit for produced data, and protects from a hostile producer.
const maxBatch = 256 << 20

var (
	errTooLarge = fmt.Errorf("decompresses to more than %d MiB", maxBatch>>20)
	errSnappy   = errors.New("snappy data is damaged")
	errCodec    = errors.New("unknown compression codec")
)

// decompressor owns the readers that are reused for each batch.
type decompressor struct {
	source bytes.Reader
}

// appendTo appends all of the decompressed src to dst.
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

// xerial is the magic of Java's snappy framing: eight bytes, two numbers, then
// blocks with their lengths. Other producers write one raw block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// appendSnappy exists because kafka-go's reader trusts any length in a frame.
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
		// Snappy's densest form is 64 bytes from 3. A larger length is wrong, and
		// no memory is allocated for it.
		return dst, errSnappy
	}
	dst = slices.Grow(dst, n)
	out, err := snappy.Decode(dst[len(dst):len(dst)+n], block)
	if err != nil || len(out) != n {
		return dst, errSnappy
	}
	return dst[:len(dst)+n], nil
}
