package consumer

import (
	"hash/crc32"

	"github.com/segmentio/kafka-go/compress"
)

// oldMessage is a message of format 0 or 1. Brokers before 0.11 wrote it, and
// later brokers still return it from old segments.
type oldMessage struct {
	magic     int8
	codec     compress.Compression
	appended  bool  // the timestamp is the broker's
	timestamp int64 // -1 in format 0
	value     []byte
}

// parseOld reads a message that starts at its checksum.
func parseOld(data []byte) (oldMessage, string) {
	w := wire{rest: data}
	sum := w.uint32()
	checked := w.rest
	m := oldMessage{magic: w.int8(), timestamp: -1}
	attributes := w.int8()
	m.codec = compress.Compression(attributes & codecBits)
	if m.magic == 1 {
		m.appended = attributes&logAppendTimeBit != 0
		m.timestamp = w.int64()
	}
	_ = w.bytes32() // key
	m.value = w.bytes32()
	switch {
	case w.failed:
		return m, "a message in it " + errShort.Error()
	case len(w.rest) > 0:
		return m, "a message in it is longer than its fields"
	case m.magic != 0 && m.magic != 1:
		return m, "it mixes record formats"
	case crc32.ChecksumIEEE(checked) != sum:
		return m, "its checksum is wrong"
	}
	return m, ""
}

// message decodes one entry of a message set: a message, or a wrapper with a
// compressed message set. whole reports that it was the last piece of it.
func (b *batches) message(offset int64, data []byte) (whole bool, err error) {
	m, problem := parseOld(data)
	if problem != "" {
		return false, b.corrupt(problem)
	}
	if m.codec == compress.None {
		b.add(Record{Offset: offset, Timestamp: m.timestamp, Value: m.value})
	} else if whole, err := b.wrapped(offset, m); err != nil || !whole {
		return false, err
	}
	b.moveTo(offset + 1)
	return true, nil
}

// wrapped decodes a compressed message set. The wrapper has the offset of its
// last message; in format 1 the inner offsets count from the first. After
// maxRecords records the rest follows as another piece.
func (b *batches) wrapped(last int64, wrapper oldMessage) (whole bool, err error) {
	inner, err := b.decompress(wrapper.value, wrapper.codec)
	if err != nil {
		return false, err
	}
	base := int64(0)
	if wrapper.magic == 1 {
		if base, err = b.innerBase(last, inner); err != nil {
			return false, err
		}
	}
	before := int64(-1)
	for w := (wire{rest: inner}); len(w.rest) > 0; {
		if len(b.records) == maxRecords {
			b.moveTo(before + 1)
			return false, nil
		}
		offset := base + w.int64()
		m, problem := parseOld(w.bytes32())
		switch {
		case problem != "":
			return false, b.corrupt(problem)
		case m.codec != compress.None:
			return false, b.corrupt("a compressed message inside of a compressed message")
		case offset > last || offset <= before:
			return false, b.corrupt("its offsets are out of order")
		}
		before = offset
		if wrapper.appended {
			m.timestamp = wrapper.timestamp
		}
		b.add(Record{Offset: offset, Timestamp: m.timestamp, Value: m.value})
	}
	return true, nil
}

// innerBase is the base of the inner offsets, so that the last one is the
// wrapper's.
func (b *batches) innerBase(last int64, inner []byte) (int64, error) {
	base := last
	for w := (wire{rest: inner}); len(w.rest) > 0; {
		base = last - w.int64()
		_ = w.bytes32()
		if w.failed {
			return 0, b.corrupt("a message in it " + errShort.Error())
		}
	}
	return base, nil
}
