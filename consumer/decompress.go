package consumer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go/compress"
)

// maxBatch bounds a decompressed batch, in bytes. It is far above any broker's
// limit for produced data, and protects from a hostile producer. maxLarge bounds
// what is decompressed of it at a time.
const (
	maxBatch = 256 << 20
	maxLarge = 64 << 20
)

var (
	errTooLarge    = fmt.Errorf("decompresses to more than %d MiB", maxBatch>>20)
	errLargePiece  = fmt.Errorf("decompresses to more than %d MiB in one piece", maxLarge>>20)
	errLargeRecord = fmt.Errorf("a record in it is larger than %d MiB", maxLarge>>20)
	errSnappy      = errors.New("snappy data is damaged")
	errCodec       = errors.New("unknown compression codec")
	// errLarge: the batch needs more memory than every reader may use. It is
	// decoded again with workspace.large.
	errLarge = errors.New("needs the memory of a large batch")
)

// decompressor owns the readers that are reused for each batch.
type decompressor struct {
	source bytes.Reader
	zstd   *zstd.Decoder
	large  bool // up to maxLarge at a time, instead of a piece
}

// atATime is how much may be decompressed at a time, and the error beyond it.
func (d *decompressor) atATime() (int, error) {
	if d.large {
		return maxLarge, errLargePiece
	}
	return pieceBytes, errLarge
}

// open starts to decompress src. The errors of the reader are this package's: a
// library's text may contain data.
func (d *decompressor) open(src []byte, codec compress.Compression) (io.ReadCloser, error) {
	d.source.Reset(src)
	if codec == compress.Zstd {
		return d.openZstd(src)
	}
	return codecStream{codec.Codec().NewReader(&d.source)}, nil
}

// codecStream is a reader of kafka-go, with errDamaged for its errors.
type codecStream struct{ io.ReadCloser }

func (s codecStream) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if err != nil && (!errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)) {
		err = errDamaged
	}
	return n, err
}

func (s codecStream) Close() error {
	if s.ReadCloser.Close() != nil {
		return errDamaged
	}
	return nil
}

// appendTo appends all of the decompressed src to dst.
func (d *decompressor) appendTo(dst, src []byte, codec compress.Compression) ([]byte, error) {
	switch codec {
	case compress.Snappy:
		return d.appendSnappy(dst, src)
	case compress.Gzip, compress.Lz4, compress.Zstd:
		defer d.source.Reset(nil)
		r, err := d.open(src, codec)
		if err != nil {
			return dst, err
		}
		limit, beyond := d.atATime()
		dst, ended, err := appendUpTo(dst, r, limit+1)
		if closed := r.Close(); err == nil {
			err = closed
		}
		if err == nil && !ended {
			err = beyond
		}
		return dst, err
	}
	return dst, errCodec
}

// xerial is the magic of Java's snappy framing: eight bytes, two numbers, then
// blocks with their lengths. Other producers write one raw block.
var xerial = []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0}

// appendSnappy exists because kafka-go's reader trusts any length in a frame.
func (d *decompressor) appendSnappy(dst, src []byte) ([]byte, error) {
	if !bytes.HasPrefix(src, xerial) || len(src) < 16 {
		return d.appendSnappyBlock(dst, src, len(dst))
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
		if dst, err = d.appendSnappyBlock(dst, rest[:n], start); err != nil {
			return dst, err
		}
		rest = rest[n:]
	}
	return dst, nil
}

func (d *decompressor) appendSnappyBlock(dst, block []byte, start int) ([]byte, error) {
	limit, beyond := d.atATime()
	n, err := snappy.DecodedLen(block)
	switch {
	case err != nil:
		return dst, errSnappy
	case n > 32*len(block)+64:
		// Snappy's densest form is 64 bytes from 3. A larger length is wrong, and
		// no memory is allocated for it.
		return dst, errSnappy
	case len(dst)-start+n > limit:
		return dst, beyond
	}
	dst = slices.Grow(dst, n)
	out, err := snappy.Decode(dst[len(dst):len(dst)+n], block)
	if err != nil || len(out) != n {
		return dst, errSnappy
	}
	return dst[:len(dst)+n], nil
}
