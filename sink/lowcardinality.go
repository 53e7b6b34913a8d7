package sink

import (
	"github.com/ClickHouse/ch-go/proto"
)

// stateVersion opens a LowCardinality column: each block has its own dictionary
// (ClickHouse's SharedDictionariesWithAdditionalKeys).
const stateVersion = 1

// lowCardinality is a LowCardinality(String) or LowCardinality(Nullable(String))
// column. In a nullable column key 0 is NULL, and an empty text is absent, so it
// is NULL too. ClickHouse rejects the null map that ch-go's generic column
// writes.
//
// Values may be hostile and the dictionary as long as the chunk. So it interns
// without garbage (see dictionary), and the keys widen with it.
type lowCardinality struct {
	window
	nullable bool
	words    dictionary
	keys     []uint32
	wire     proto.ColLowCardinalityRaw // scratch for encoding
}

// keyBytes is the size of a row's key: in memory, and at most on the wire.
const keyBytes = 4

// append copies v if it is new and returns the bytes of the row.
func (c *lowCardinality) append(v []byte) int {
	if c.nullable && len(v) == 0 {
		c.reserveNull()
		c.keys = append(c.keys, 0)
		return keyBytes
	}
	c.reserveNull()
	key, added := c.words.key(v)
	c.keys = append(c.keys, key)
	return keyBytes + added
}

// appendString is append for a coordinate, which seldom changes.
func (c *lowCardinality) appendString(v string) int {
	if n := len(c.keys); n > 0 && string(c.words.word(c.keys[n-1])) == v {
		c.keys = append(c.keys, c.keys[n-1])
		return keyBytes
	}
	return c.append([]byte(v))
}

// reserveNull makes key 0 of a nullable column mean NULL.
func (c *lowCardinality) reserveNull() {
	if c.nullable && c.words.len() == 0 {
		c.words.values.AppendBytes(nil)
	}
}

// row is the text of row i; nil is NULL.
func (c *lowCardinality) row(i int) []byte {
	key := c.keys[i]
	if c.nullable && key == 0 {
		return nil
	}
	return c.words.word(key)
}

func (c *lowCardinality) reset() {
	c.words.reset()
	c.keys = c.keys[:0]
}

// EncodeState writes the header before the column.
func (c *lowCardinality) EncodeState(b *proto.Buffer) { b.PutInt64(stateVersion) }

// EncodeColumn writes the dictionary and the keys of the window.
func (c *lowCardinality) EncodeColumn(b *proto.Buffer) {
	keys := c.keys[c.from:c.to]
	if 2*len(keys) < c.words.len() {
		// A few rows of a chunk do not drag the whole dictionary along:
		// bisecting would send it thousands of times.
		words, narrowed := c.narrow(keys)
		c.encode(b, words, narrowed)
		return
	}
	c.encode(b, &c.words.values, keys)
}

func (c *lowCardinality) encode(b *proto.Buffer, words *proto.ColStr, keys []uint32) {
	c.wire.Keys8, c.wire.Keys16, c.wire.Keys32 = c.wire.Keys8[:0], c.wire.Keys16[:0], c.wire.Keys32[:0]
	switch n := words.Rows(); {
	case n <= 1<<8:
		c.wire.Key = proto.KeyUInt8
		for _, key := range keys {
			c.wire.Keys8 = append(c.wire.Keys8, uint8(key))
		}
	case n <= 1<<16:
		c.wire.Key = proto.KeyUInt16
		for _, key := range keys {
			c.wire.Keys16 = append(c.wire.Keys16, uint16(key))
		}
	default:
		c.wire.Key = proto.KeyUInt32
		c.wire.Keys32 = append(c.wire.Keys32, keys...)
	}
	c.wire.Index = words
	c.wire.EncodeColumn(b)
}

// narrow returns a dictionary of the words that keys use, in the order of first
// use. So the same window always gives the same bytes.
func (c *lowCardinality) narrow(keys []uint32) (*proto.ColStr, []uint32) {
	words := new(proto.ColStr)
	renumbered := make(map[uint32]uint32, len(keys))
	if c.nullable {
		words.AppendBytes(nil)
		renumbered[0] = 0
	}
	out := make([]uint32, len(keys))
	for i, key := range keys {
		n, known := renumbered[key]
		if !known {
			n = uint32(words.Rows())
			renumbered[key] = n
			words.AppendBytes(c.words.word(key))
		}
		out[i] = n
	}
	return words, out
}

// WriteColumn is EncodeColumn for an uncompressed stream.
func (c *lowCardinality) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
