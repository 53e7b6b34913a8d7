package consumer

import (
	"errors"
	"fmt"
	"math"

	"github.com/segmentio/kafka-go/compress"
)

// Record is one message of a partition. Value is borrowed: it is valid until the
// next call of Next or Close of its Reader, and must not be written past its
// length.
type Record struct {
	Offset    int64
	Timestamp int64  // milliseconds since the Unix epoch, by the topic's timestamp type
	Value     []byte // empty: a tombstone
}

// Positions of the fields that identify a batch; the same in every format.
const (
	lengthOffset = 8  // of the 32-bit length of the rest
	headLength   = 12 // base offset and length
	magicOffset  = 16
)

// maxOffset leaves room for a batch and the position after it.
const maxOffset = math.MaxInt64 - math.MaxInt32 - 1

// errPartial: the first batch is larger than the fetch limit, and the broker sent
// only its start (brokers before 0.10.1).
var errPartial = errors.New("first batch is cut off")

// batches decodes the records of one fetch response, some batches at a time, into
// the workspace of its owner.
type batches struct {
	rest     []byte        // not yet decoded; borrowed from the response
	position int64         // of the next record
	within   batchProgress // progress in the first batch of rest
	fresh    bool          // nothing of this response has been decoded yet
	stale    bool          // no byte of this response moved the position

	committed bool // read_committed
	aborted   abortedTransactions

	*workspace // receives the records; nil while none is held
}

// reset takes over the records of a response that was fetched at position.
func (b *batches) reset(data []byte, position int64, committed bool, aborted []abortedTransaction) {
	b.rest, b.position, b.committed, b.within = data, position, committed, batchProgress{}
	b.fresh, b.stale = true, len(data) > 0
	b.aborted.reset(aborted)
}

// drop discards what has not been decoded.
func (b *batches) drop() { b.rest, b.within = nil, batchProgress{} }

// decode replaces the records with those of the next batches: all of them, or as
// many as decompress to about limit bytes, but at least one batch or a piece of
// it. The position moves after what was decoded. An error is about the batch at
// position; records holds what came before it.
func (b *batches) decode(limit int) error {
	b.records = b.records[:0]
	b.slab = b.slab[:0]
	for len(b.rest) > 0 && len(b.slab) < limit && len(b.records) < maxRecords {
		batch, ok := b.cut()
		if !ok {
			// Brokers cut off the last batch at the fetch limit.
			b.rest = nil
			if b.fresh {
				return errPartial
			}
			return nil
		}
		b.fresh = false
		// A batch that is corrupt in the middle gives no records.
		records, position := len(b.records), b.position
		whole, err := b.one(batch)
		switch {
		case err != nil:
			b.records, b.position = b.records[:records], position
			return err
		case !whole && len(b.records) > 0:
			return nil
		case !whole: // all of the piece lies before the position
			b.slab = b.slab[:0]
			continue
		}
		b.rest, b.within = b.rest[len(batch):], batchProgress{}
	}
	return nil
}

// cut returns the next whole batch, or false when the data ends before it does.
// With an impossible length it returns all data, so that one reports the error.
func (b *batches) cut() ([]byte, bool) {
	if len(b.rest) < headLength {
		return nil, false
	}
	w := wire{rest: b.rest[lengthOffset:]}
	length := int64(w.int32())
	if length < magicOffset+1-headLength {
		return b.rest, true
	}
	if headLength+length > int64(len(b.rest)) {
		return nil, false
	}
	return b.rest[:headLength+length], true
}

// one decodes a batch of any format, or the next piece of it. whole reports that
// it was the last piece.
func (b *batches) one(batch []byte) (whole bool, err error) {
	w := wire{rest: batch}
	base, length := w.int64(), w.int32()
	if base < 0 || base > maxOffset {
		return false, b.corrupt("its offset is impossible")
	}
	if length < magicOffset+1-headLength {
		return false, b.corrupt("its length is impossible")
	}
	switch magic := batch[magicOffset]; magic {
	case 0, 1:
		return b.message(base, batch[headLength:])
	case 2:
		return b.batch(base, batch[headLength:])
	default:
		return false, b.corrupt(fmt.Sprintf("unknown record format %d", magic))
	}
}

// add keeps a record unless it is before the fetched position: a fetch returns
// whole batches.
func (b *batches) add(r Record) {
	if r.Offset >= b.position {
		b.records = append(b.records, r)
	}
}

// moveTo moves the position, never back.
func (b *batches) moveTo(next int64) {
	if next > b.position {
		b.position, b.stale = next, false
	}
}

// decompress appends to the slab and returns what it appended.
func (b *batches) decompress(data []byte, codec compress.Compression) ([]byte, error) {
	start := len(b.slab)
	slab, err := b.unpack.appendTo(b.slab, data, codec)
	b.slab = slab
	if err != nil {
		return nil, b.undecoded(err)
	}
	return b.slab[start:], nil
}

// undecoded is an error of the decompressor.
func (b *batches) undecoded(err error) error {
	if errors.Is(err, errLarge) {
		return err // not a fault of the batch
	}
	return b.corrupt(err.Error())
}

// corrupt is an error about the batch at the position. The reader adds topic and
// partition.
func (b *batches) corrupt(reason string) error {
	return &CorruptError{Offset: b.position, Reason: reason}
}
