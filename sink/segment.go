package sink

import (
	"context"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// segment is what one INSERT carries: rows of several parts, in the parts'
// order, and its token.
type segment struct {
	token  string
	blocks []block
	rows   int
}

// whole is the segment of all rows of a batch.
func wholeBatch(b *Batch, token string) segment {
	s := segment{token: token}
	for i, part := range b.Parts {
		if part.Chunk == nil || part.Chunk.rows == 0 {
			continue
		}
		s.blocks = append(s.blocks, block{part: i, chunk: part.Chunk, to: part.Chunk.rows})
		s.rows += part.Chunk.rows
	}
	return s
}

// attempt is the segment as its nth attempt sends it.
func (s segment) attempt(n int) segment {
	s.token = attemptToken(s.token, n)
	return s
}

func (s segment) bytes() (n int) {
	for _, b := range s.blocks {
		n += b.bytes()
	}
	return n
}

// halves cuts a segment of two rows or more in the middle. The tokens come from
// the parent's, so that none is used for two sets of rows.
func (s segment) halves() (left, right segment) {
	left.token, right.token = s.token+"/0", s.token+"/1"
	left.rows = s.rows / 2
	right.rows = s.rows - left.rows
	room := left.rows
	for _, b := range s.blocks {
		cut := min(room, b.rows())
		room -= cut
		if cut > 0 {
			left.blocks = append(left.blocks, block{b.part, b.chunk, b.from, b.from + cut})
		}
		if cut < b.rows() {
			right.blocks = append(right.blocks, block{b.part, b.chunk, b.from + cut, b.to})
		}
	}
	return left, right
}

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

const dedupToken = "insert_deduplication_token"

// attemptToken is the token of a statement's nth attempt: each has one of its own.
//
// Under a token that it has seen ClickHouse drops the rows and says that they are
// in. A MergeTree table writes the token to its log before it puts the part in
// place, so that a server killed between the two (or that fails there) knows the
// token and has no rows: the same token again would be acknowledged, committed and
// lost. What a repetition may add instead is harmless: rows replace themselves by
// key, and readers of the ledger take one row of a flush and partition.
//
// There is a token at all because without one ClickHouse goes by the rows' content,
// of which the same holds.
func attemptToken(token string, n int) string {
	if n == 1 {
		return token
	}
	return token + "#" + strconv.Itoa(n)
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{dedupToken: token}))
}
