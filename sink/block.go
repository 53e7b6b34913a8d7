package sink

import "github.com/ClickHouse/ch-go/proto"

// block is rows [from, to) of one part's chunk: one block of an INSERT.
type block struct {
	part     int // index of the part in the batch
	chunk    *Chunk
	from, to int
}

func (b block) rows() int { return b.to - b.from }

// bytes is the block's share of its chunk's size.
func (b block) bytes() int {
	return int(int64(b.chunk.bytes) * int64(b.rows()) / int64(max(b.chunk.rows, 1)))
}

// encode appends the block in ClickHouse's Native format at revision 0, which
// is what an INSERT over HTTP takes whatever the server's version.
func (b block) encode(buf *proto.Buffer) error {
	header := proto.Block{Columns: len(b.chunk.columns), Rows: b.rows()}
	return header.EncodeRawBlock(buf, 0, b.chunk.show(b.from, b.to))
}
