package sink

import (
	"github.com/ClickHouse/ch-go/proto"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// column is one column of a chunk. It encodes the window of rows that was
// selected last, so that halves of a batch are sent without a copy.
type column interface {
	proto.ColInput
	// show selects rows [from, to); declare sets the type in the table.
	show(from, to int)
	declare(proto.ColumnType)
	// reset removes the rows and keeps the capacity.
	reset()
}

// window is the common part of all columns.
type window struct {
	kind     proto.ColumnType
	from, to int
}

func (w *window) Type() proto.ColumnType     { return w.kind }
func (w *window) Rows() int                  { return w.to - w.from }
func (w *window) show(from, to int)          { w.from, w.to = from, to }
func (w *window) declare(t proto.ColumnType) { w.kind = t }

// fixed is a column of values of one width in one of ch-go's slices.
type fixed[T any, S interface {
	~[]T
	EncodeColumn(*proto.Buffer)
}] struct {
	window
	values S
}

func (c *fixed[T, S]) append(v T)                   { c.values = append(c.values, v) }
func (c *fixed[T, S]) reset()                       { c.values = c.values[:0] }
func (c *fixed[T, S]) EncodeColumn(b *proto.Buffer) { c.values[c.from:c.to].EncodeColumn(b) }
func (c *fixed[T, S]) WriteColumn(w *proto.Writer)  { w.ChainBuffer(c.EncodeColumn) }

// The widths. DateTime64 and Decimal64 are an Int64 on the wire.
type (
	uuidColumn   = fixed[uuid.UUID, proto.ColUUID]
	int32Column  = fixed[int32, proto.ColInt32]
	int64Column  = fixed[int64, proto.ColInt64]
	uint32Column = fixed[uint32, proto.ColUInt32]
	uint64Column = fixed[uint64, proto.ColUInt64]
	boolColumn   = fixed[bool, proto.ColBool]
)

// nullable adds ClickHouse's null map before a column of fixed width.
type nullable[T any, S interface {
	~[]T
	EncodeColumn(*proto.Buffer)
}] struct {
	fixed[T, S]
	nulls proto.ColUInt8
}

func (c *nullable[T, S]) append(v T, valid bool) {
	var null uint8
	if !valid {
		var zero T
		v, null = zero, 1
	}
	c.fixed.append(v)
	c.nulls = append(c.nulls, null)
}

func (c *nullable[T, S]) reset() {
	c.fixed.reset()
	c.nulls = c.nulls[:0]
}

func (c *nullable[T, S]) EncodeColumn(b *proto.Buffer) {
	c.nulls[c.from:c.to].EncodeColumn(b)
	c.fixed.EncodeColumn(b)
}

func (c *nullable[T, S]) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

type (
	nullInt32Column = nullable[int32, proto.ColInt32]
	nullInt64Column = nullable[int64, proto.ColInt64]
)

// constantInstant is a column with the same instant in all rows, set by the
// flush.
type constantInstant struct {
	window
	value schemas.Millis
}

func (c *constantInstant) reset() {}

func (c *constantInstant) EncodeColumn(b *proto.Buffer) {
	for range c.Rows() {
		b.PutInt64(int64(c.value))
	}
}

func (c *constantInstant) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

// text is a String column in one slab.
type text struct {
	window
	values proto.ColStr
}

// append copies v and returns the bytes of the row.
func (c *text) append(v []byte) int {
	c.values.AppendBytes(v)
	return len(v) + 1
}

func (c *text) reset() { c.values.Reset() }

func (c *text) EncodeColumn(b *proto.Buffer) {
	proto.ColStr{Buf: c.values.Buf, Pos: c.values.Pos[c.from:c.to]}.EncodeColumn(b)
}

func (c *text) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

// nullText is a Nullable(String) column. An empty text is absent (contract §1),
// so it is NULL.
type nullText struct {
	text
	nulls proto.ColUInt8
}

func (c *nullText) append(v []byte) int {
	var null uint8
	if len(v) == 0 {
		null = 1
	}
	c.nulls = append(c.nulls, null)
	return c.text.append(v) + 1
}

func (c *nullText) reset() {
	c.text.reset()
	c.nulls = c.nulls[:0]
}

func (c *nullText) EncodeColumn(b *proto.Buffer) {
	c.nulls[c.from:c.to].EncodeColumn(b)
	c.text.EncodeColumn(b)
}

func (c *nullText) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }
