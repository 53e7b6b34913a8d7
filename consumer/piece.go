package consumer

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"
)

// A batch of a few kilobytes can decompress to hundreds of megabytes. So a batch
// is decompressed piece by piece, each time from its start up to the records of
// the piece. This costs time when a batch is larger than a piece, but never
// memory. Kafka's clients build batches of about a megabyte before compression,
// unless configured otherwise.
//
// Two forms are decompressed in one piece: message sets of brokers before 0.11,
// and snappy, which expands at most 21 times.

// pieceBytes is about how much of a batch is decompressed at a time.
const pieceBytes = 8 << 20

// batchProgress is how far the earlier pieces of a batch have come.
type batchProgress struct {
	bytes   int   // decompressed
	records int32 // decoded
	last    int64 // the offset of the last of these
}

// unpackPiece appends the next piece of a batch's records to the slab and returns
// it: whole records and possibly a part of the next, or at least a part of one.
// rest reports that nothing comes after it.
func (b *batches) unpackPiece(data []byte, codec compress.Compression) (piece []byte, rest bool, err error) {
	start := len(b.slab)
	b.slab, rest, err = b.unpack.appendPiece(b.slab, data, codec, b.within.bytes)
	if err != nil {
		return nil, false, b.corrupt(err.Error())
	}
	return b.slab[start:], rest, nil
}

// appendPiece appends the decompressed src without its first skip bytes.
func (d *decompressor) appendPiece(dst, src []byte, codec compress.Compression, skip int) (_ []byte, rest bool, err error) {
	switch codec {
	case compress.Gzip, compress.Lz4, compress.Zstd:
	default:
		dst, err = d.appendTo(dst, src, codec)
		return dst, true, err
	}
	d.source.Reset(src)
	defer d.source.Reset(nil)
	r := codec.Codec().NewReader(&d.source)
	defer func() {
		if closed := r.Close(); rest && err == nil {
			err = closed // a reader that was not read to the end reports nothing
		}
	}()
	if _, err := io.CopyN(io.Discard, r, int64(skip)); err != nil {
		return dst, false, errDamaged
	}
	start := len(dst)
	if dst, rest, err = appendUpTo(dst, r, pieceBytes); err != nil || rest {
		return dst, rest, err
	}
	length, n := binary.Varint(dst[start:])
	if length > int64(maxBatch-skip-n) {
		return dst, false, errTooLarge
	}
	if missing := n + int(length) - (len(dst) - start); n > 0 && missing > 0 {
		// One record is larger than a piece. Its memory is allocated at once,
		// because doubling would need three times as much.
		dst = slices.Grow(dst, missing)
		dst, rest, err = appendUpTo(dst, r, missing)
	}
	if skip+len(dst)-start > maxBatch {
		return dst, false, errTooLarge
	}
	return dst, rest, err
}

var errDamaged = errors.New("compressed data is damaged")

// appendUpTo reads until it has appended at least n bytes, or r has ended.
func appendUpTo(dst []byte, r io.Reader, n int) (_ []byte, ended bool, err error) {
	for start := len(dst); len(dst)-start < n; {
		dst = slices.Grow(dst, 1) // grows by a quarter when full
		read, err := r.Read(dst[len(dst):min(cap(dst), start+n)])
		dst = dst[:len(dst)+read]
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return dst, true, nil
		}
		if err != nil {
			// The library's text may contain data.
			return dst, false, errDamaged
		}
	}
	return dst, false, nil
}

// holdsRecord reports whether data starts with a whole record. An impossible
// length counts as one: the decoder reports it.
func holdsRecord(data []byte) bool {
	length, n := binary.Varint(data)
	return n < 0 || n > 0 && length <= int64(len(data)-n)
}
