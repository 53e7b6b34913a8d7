package consumer

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"

	"github.com/segmentio/kafka-go/compress"
)

// A batch of a few kilobytes can unpack to hundreds of megabytes. So a batch is
// unpacked a piece at a time, from its beginning each time, up to the records that
// the piece is to give: that costs time where a batch is larger than a piece, and
// never the memory. Kafka's clients make batches of at most a megabyte or so,
// before compression, unless they are told otherwise.
//
// Two forms come out in one piece all the same: the message sets of brokers before
// 0.11, and snappy, which cannot make more than 21 bytes out of one.

// pieceBytes is about how much of a batch is unpacked at a time.
const pieceBytes = 8 << 20

// within is how far into a batch the pieces before have come.
type batchProgress struct {
	bytes   int   // unpacked
	records int32 // decoded
	last    int64 // the offset of the last of these
}

// unpackPiece appends the next piece of a batch's records to the slab and gives
// it: whole records, of which the last may be cut off, and one at least that is
// not. rest says that nothing comes after it.
func (b *batches) unpackPiece(data []byte, codec compress.Compression) (piece []byte, rest bool, err error) {
	start := len(b.slab)
	b.slab, rest, err = b.unpack.appendPiece(b.slab, data, codec, b.within.bytes)
	if err != nil {
		return nil, false, b.corrupt(err.Error())
	}
	return b.slab[start:], rest, nil
}

// appendPiece appends what follows the first skip bytes of the decompressed src.
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
			err = closed // one that was not read to its end has nothing to say
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
		// One record is larger than a piece. Its memory is given at once, for to
		// double it would take three times as much.
		dst = slices.Grow(dst, missing)
		dst, rest, err = appendUpTo(dst, r, missing)
	}
	if skip+len(dst)-start > maxBatch {
		return dst, false, errTooLarge
	}
	return dst, rest, err
}

var errDamaged = errors.New("compressed data is damaged")

// appendUpTo reads on until it has appended at least n bytes, or r has ended.
func appendUpTo(dst []byte, r io.Reader, n int) (_ []byte, ended bool, err error) {
	for start := len(dst); len(dst)-start < n; {
		dst = slices.Grow(dst, 1) // by a quarter, once there is no room at all
		read, err := r.Read(dst[len(dst):min(cap(dst), start+n)])
		dst = dst[:len(dst)+read]
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return dst, true, nil
		}
		if err != nil {
			// The library's words may quote the data: the kind is enough.
			return dst, false, errDamaged
		}
	}
	return dst, false, nil
}

// holdsRecord says whether data begins with a whole record. A length that cannot
// be counts as one: whoever decodes it says what is wrong.
func holdsRecord(data []byte) bool {
	length, n := binary.Varint(data)
	return n < 0 || n > 0 && length <= int64(len(data)-n)
}
