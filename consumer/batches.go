package consumer

import (
	"errors"
	"fmt"
	"math"

	"github.com/segmentio/kafka-go/compress"
)

// Record is one message as it lies in a partition. Value is borrowed: it holds
// until the next call of Next or Close of the Reader that gave it, and is not to
// be written to beyond its length.
type Record struct {
	Offset    int64
	Timestamp int64  // milliseconds since the Unix epoch, as the topic's timestamp type says
	Value     []byte // without bytes: a tombstone
}

// Where the fields are that tell batches apart; the same in every format.
const (
	lengthOffset = 8  // of the 32-bit length of what follows it
	headLength   = 12 // base offset and length
	magicOffset  = 16
)

// maxOffset is the last that leaves room for a batch and a position behind it.
const maxOffset = math.MaxInt64 - math.MaxInt32 - 1

// errPartial says that the first batch is larger than what was asked for and
// the broker sent only its beginning (brokers before 0.10.1).
var errPartial = errors.New("first batch is cut off")

// batches decodes the records of one fetch response, some batches at a time.
// It decodes into a workspace that its owner gives it.
type batches struct {
	rest     []byte        // what has not been decoded; borrowed from the response
	position int64         // of the next record that is wanted
	within   batchProgress // how far into the first batch of rest
	fresh    bool          // nothing of this response has been decoded yet
	stale    bool          // this response has bytes, and none of them moved the position

	committed bool // read_committed
	aborted   abortedTransactions

	*workspace // where the records go; nil while none is held
}

// reset takes over the records of a response that was asked for at position.
func (b *batches) reset(data []byte, position int64, committed bool, aborted []abortedTransaction) {
	b.rest, b.position, b.committed, b.within = data, position, committed, batchProgress{}
	b.fresh, b.stale = true, len(data) > 0
	b.aborted.reset(aborted)
}

// drop forgets what has not been decoded.
func (b *batches) drop() { b.rest, b.within = nil, batchProgress{} }

// decode replaces records by those of the next batches: all of them, or as many
// as decompress to about limit bytes, but one batch or a piece of it at least.
// Position moves behind what was decoded. An error belongs to the batch at
// position; records holds what came before it.
func (b *batches) decode(limit int) error {
	b.records = b.records[:0]
	b.slab = b.slab[:0]
	for len(b.rest) > 0 && len(b.slab) < limit {
		batch, ok := b.cut()
		if !ok {
			// Brokers cut the last batch off where the limit is.
			b.rest = nil
			if b.fresh {
				return errPartial
			}
			return nil
		}
		b.fresh = false
		// A batch that turns out to be corrupt in its middle gives nothing.
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

// cut gives the next whole batch, or false where the data ends before it does.
// A length that cannot be is given as all there is: one says what is wrong.
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

// one decodes a batch in whichever format it has, or the next piece of it; whole
// says that this was the last.
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
		return true, b.message(base, batch[headLength:])
	case 2:
		return b.batch(base, batch[headLength:])
	default:
		return false, b.corrupt(fmt.Sprintf("unknown record format %d", magic))
	}
}

// add keeps a record unless it lies before the position asked for: a fetch
// gives whole batches.
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

// decompress appends to the slab and gives what was appended.
func (b *batches) decompress(data []byte, codec compress.Compression) ([]byte, error) {
	start := len(b.slab)
	slab, err := b.unpack.appendTo(b.slab, data, codec)
	b.slab = slab
	if err != nil {
		return nil, b.corrupt(err.Error())
	}
	return b.slab[start:], nil
}

// corrupt is an error about the batch at the position: the reader adds topic
// and partition.
func (b *batches) corrupt(reason string) error {
	return &CorruptError{Offset: b.position, Reason: reason}
}
