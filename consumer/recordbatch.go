package consumer

import (
	"encoding/binary"
	"hash/crc32"

	"github.com/segmentio/kafka-go/compress"
)

// Attribute bits of a record batch (Kafka's message format, version 2).
const (
	codecBits        = 0x07
	logAppendTimeBit = 0x08
	transactionalBit = 0x10
	controlBit       = 0x20
)

// abortMarker is the type in the key of a control record that aborts a
// transaction; 1 commits it.
const abortMarker = 0

// castagnoli is the polynomial of a batch's checksum.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// batchHead is the part of a batch header that a reader needs.
type batchHead struct {
	base       int64
	attributes int16
	last       int64 // last offset; stays when compaction removes the records
	firstTime  int64
	maxTime    int64
	producer   int64
	count      int32
}

// batch decodes a record batch of format 2, after its length, or the next piece
// of it. whole reports that it was the last piece.
func (b *batches) batch(base int64, data []byte) (whole bool, err error) {
	w := wire{rest: data}
	_ = w.int32() // partition leader epoch
	_ = w.int8()  // magic
	sum := w.uint32()
	checked := w.rest
	head := batchHead{base: base, attributes: w.int16()}
	delta := w.int32()
	head.firstTime, head.maxTime = w.int64(), w.int64()
	head.producer = w.int64()
	_ = w.int16() // producer epoch
	_ = w.int32() // base sequence
	head.count = w.int32()

	switch {
	case w.failed:
		return false, b.corrupt("shorter than its header")
	case crc32.Checksum(checked, castagnoli) != sum:
		return false, b.corrupt("its checksum is wrong")
	case delta < 0, head.count < 0:
		return false, b.corrupt("its header has a negative count")
	}
	head.last = base + int64(delta)

	wanted := head.last >= b.position && b.visible(head)
	if control := head.attributes&controlBit != 0; wanted || control {
		payload, whole := w.rest, true
		if codec := compress.Compression(head.attributes & codecBits); codec == compress.None {
			payload = payload[min(b.within.bytes, len(payload)):]
		} else {
			if payload, whole, err = b.unpackPiece(payload, codec); err != nil {
				return false, err
			}
		}
		if control {
			b.marker(head, payload)
		} else if whole, err = b.recordsOf(head, payload, whole); err != nil || !whole {
			return false, err
		}
	}
	b.moveTo(head.last + 1)
	return true, nil
}

// visible opens the aborted transactions up to this batch and reports whether its
// records are returned.
func (b *batches) visible(head batchHead) bool {
	if head.attributes&controlBit != 0 {
		return false
	}
	if !b.committed || head.producer < 0 {
		return true
	}
	b.aborted.upTo(head.last)
	return head.attributes&transactionalBit == 0 || !b.aborted.contains(head.producer)
}

// marker reads a control batch: an abort ends the producer's transaction. A batch
// that compaction has emptied needs no handling: the records of its transaction
// are gone too.
func (b *batches) marker(head batchHead, payload []byte) {
	if !b.committed {
		return
	}
	b.aborted.upTo(head.last)
	record := wire{rest: payload}
	record.rest = record.varbytes()
	_, _, _ = record.int8(), record.varint(), record.varint()
	if key := record.varbytes(); len(key) >= 4 && binary.BigEndian.Uint16(key[2:]) == abortMarker {
		b.aborted.ended(head.producer)
	}
}

// recordsOf decodes the records of a batch, or of its next piece. A piece may end
// in the middle of a record, and within remembers where to continue. Records must
// be complete, in rising order and in the right number: a batch with a valid
// checksum that breaks this was written broken.
func (b *batches) recordsOf(head batchHead, payload []byte, rest bool) (whole bool, err error) {
	w, at := wire{rest: payload}, b.within
	if at.records == 0 {
		at.last = head.base - 1
	}
	for at.records < head.count && (rest || holdsRecord(w.rest)) {
		if len(b.records) == maxRecords {
			rest = false
			break
		}
		r := wire{rest: w.varbytes()}
		_ = r.int8() // attributes, none of them used
		timestamp := head.firstTime + r.varint()
		offset := head.base + r.varint()
		_ = r.varbytes() // the key is not used (contract §1)
		value := r.varbytes()
		switch {
		case w.failed, r.failed:
			return false, b.corrupt("a record in it " + errShort.Error())
		case offset <= at.last || offset > head.last:
			return false, b.corrupt("its offsets are out of order")
		}
		at.records, at.last = at.records+1, offset
		if head.attributes&logAppendTimeBit != 0 {
			timestamp = head.maxTime
		}
		b.add(Record{Offset: offset, Timestamp: timestamp, Value: value})
	}
	if at.records == head.count && len(w.rest) > 0 {
		return false, b.corrupt("it is longer than its records")
	}
	if !rest {
		at.bytes += len(payload) - len(w.rest)
		b.within = at
		b.moveTo(at.last + 1)
	}
	return rest, nil
}
