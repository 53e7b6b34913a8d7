package sink

import "github.com/ClickHouse/ch-go/proto"

// text is a String column in one slab.
type text struct {
	window
	values proto.ColStr
}

// append copies v and returns the bytes the row takes.
func (c *text) append(v []byte) int {
	c.values.AppendBytes(v)
	return len(v) + 1
}

func (c *text) reset() { c.values.Reset() }

func (c *text) EncodeColumn(b *proto.Buffer) {
	proto.ColStr{Buf: c.values.Buf, Pos: c.values.Pos[c.from:c.to]}.EncodeColumn(b)
}

func (c *text) WriteColumn(w *proto.Writer) { w.ChainBuffer(c.EncodeColumn) }

// nullText is a Nullable(String) column. Empty text is absent (contract §1), so
// it is NULL too.
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
