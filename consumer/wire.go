package consumer

import (
	"encoding/binary"
	"errors"
)

// errShort: a length in the data points past its end.
var errShort = errors.New("ends in the middle of a field")

// wire reads Kafka's big-endian fields from a byte slice. The first read past the
// end sets failed, and every later read returns zero. The caller checks once
// after several reads.
type wire struct {
	rest   []byte
	failed bool
}

// take returns the next n bytes, borrowed.
func (w *wire) take(n int) []byte {
	if n < 0 || n > len(w.rest) {
		w.failed, w.rest = true, nil
		return nil
	}
	taken := w.rest[:n:n]
	w.rest = w.rest[n:]
	return taken
}

func (w *wire) int8() int8 {
	if b := w.take(1); b != nil {
		return int8(b[0])
	}
	return 0
}

func (w *wire) int16() int16 {
	if b := w.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (w *wire) int32() int32 {
	if b := w.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (w *wire) uint32() uint32 { return uint32(w.int32()) }

func (w *wire) int64() int64 {
	if b := w.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

// varint reads a zigzag number, as in the fields of a record.
func (w *wire) varint() int64 {
	if len(w.rest) > 0 && w.rest[0] < 0x80 {
		b := w.rest[0]
		w.rest = w.rest[1:]
		return int64(b>>1) ^ -int64(b&1)
	}
	v, n := binary.Varint(w.rest)
	if n <= 0 {
		w.failed, w.rest = true, nil
		return 0
	}
	w.rest = w.rest[n:]
	return v
}

// varbytes reads bytes after a zigzag length; a negative length is null.
func (w *wire) varbytes() []byte {
	n := w.varint()
	if n < 0 {
		return nil
	}
	if n > int64(len(w.rest)) {
		w.failed, w.rest = true, nil
		return nil
	}
	return w.take(int(n))
}

// bytes32 reads bytes after a 32-bit length; a negative length is null.
func (w *wire) bytes32() []byte {
	n := w.int32()
	if n < 0 {
		return nil
	}
	return w.take(int(n))
}

// string16 reads text after a 16-bit length; a negative length is empty.
func (w *wire) string16() []byte {
	n := w.int16()
	if n < 0 {
		return nil
	}
	return w.take(int(n))
}

// err is errShort after a failed read.
func (w *wire) err() error {
	if w.failed {
		return errShort
	}
	return nil
}
