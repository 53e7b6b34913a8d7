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
// and snappy, which expands at most 21 times. When such a piece or one record is
// larger than pieceBytes, only one reader at a time may hold it
// (workspaces.enlarge).

// pieceBytes is about how much of a batch is decompressed at a time. maxRecords
// is how many records a set has at most: the table of records would be larger
// than the records when these are empty.
const (
	pieceBytes = 4 << 20
	maxRecords = 1 << 17
)

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
		return nil, false, b.undecoded(err)
	}
	return b.slab[start:], rest, nil
}

// appendPiece appends the decompressed src without its first skip bytes.
func (d *decompressor) appendPiece(dst, src []byte, codec compress.Compression, skip int) (_ []byte, rest bool, err error) {
	switch codec {
	case compress.Gzip, compress.Lz4, compress.Zstd:
	default:
		start := len(dst)
		if dst, err = d.appendTo(dst, src, codec); err != nil || skip > len(dst)-start {
			return dst, true, err
		}
		return slices.Delete(dst, start, start+skip), true, nil
	}
	defer d.source.Reset(nil)
	r, err := d.open(src, codec)
	if err != nil {
		return dst, false, err
	}
	defer func() {
		if closed := r.Close(); rest && err == nil {
			err = closed // a reader that was not read to the end reports nothing
		}
	}()
	if _, err := io.CopyN(io.Discard, r, int64(skip)); errors.Is(err, io.EOF) {
		return dst, false, errDamaged
	} else if err != nil {
		return dst, false, err
	}
	start := len(dst)
	if dst, rest, err = appendUpTo(dst, r, pieceBytes); err != nil || rest {
		return dst, rest, err
	}
	length, n := binary.Varint(dst[start:])
	switch {
	case length > maxLarge:
		return dst, false, errLargeRecord
	case length > int64(maxBatch-skip-n):
		return dst, false, errTooLarge
	}
	if missing := n + int(length) - (len(dst) - start); n > 0 && missing > 0 {
		if !d.large {
			return dst, false, errLarge
		}
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
		if errors.Is(err, io.EOF) {
			return dst, true, nil
		}
		if err != nil {
			return dst, false, err
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
