package sink

import (
	"context"
	"strconv"

	"github.com/ClickHouse/ch-go/proto"
	"github.com/ClickHouse/clickhouse-go/v2"
)

// segment is the content of one INSERT: rows of several parts, in the order of
// the parts, and the token.
type segment struct {
	token  string
	blocks []block
	rows   int

	withoutViews bool // insert the rows although a materialized view fails
	// replaces says that the table may have other rows of the same versions: only rows of
	// this insert, or later ones, count as stored.
	replaces bool
}

// wholeBatch is the segment with all rows of a batch.
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

// attempt is the segment with the token of its nth attempt.
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

// halves cuts a segment of at least two rows in the middle. Each half has its own
// token, so that no token names two sets of rows.
func (s segment) halves() (left, right segment) {
	return s.slice(0, s.rows/2, s.token+"/0"), s.slice(s.rows/2, s.rows, s.token+"/1")
}

// slice is the rows [from, to) of the segment, under another token.
func (s segment) slice(from, to int, token string) segment {
	part := segment{token: token}
	for _, b := range s.blocks {
		first, last := max(from, 0), min(to, b.rows())
		if first < last {
			part.blocks = append(part.blocks, block{b.part, b.chunk, b.from + first, b.from + last})
			part.rows += last - first
		}
		from, to = from-b.rows(), to-b.rows()
	}
	return part
}

// append adds the rows of another segment at the end. Neighbouring rows of a chunk
// become one block. No other segment may share the blocks of s.
func (s *segment) append(other segment) {
	for _, b := range other.blocks {
		if n := len(s.blocks); n > 0 && s.blocks[n-1].chunk == b.chunk && s.blocks[n-1].to == b.from {
			s.blocks[n-1].to = b.to
			continue
		}
		s.blocks = append(s.blocks, b)
	}
	s.rows += other.rows
}

// block is the rows [from, to) of one part's chunk: one block of an INSERT.
type block struct {
	part     int // index of the part in the batch
	chunk    *Chunk
	from, to int
}

func (b block) rows() int { return b.to - b.from }

// bytes is the share of the chunk's size.
func (b block) bytes() int {
	return int(int64(b.chunk.bytes) * int64(b.rows()) / int64(max(b.chunk.rows, 1)))
}

// encode appends the block in ClickHouse's Native format at revision 0. An INSERT
// over HTTP expects this revision from every server version.
func (b block) encode(buf *proto.Buffer) error {
	header := proto.Block{Columns: len(b.chunk.columns), Rows: b.rows()}
	return header.EncodeRawBlock(buf, 0, b.chunk.show(b.from, b.to))
}

const dedupToken = "insert_deduplication_token"

// attemptToken is the token of the nth attempt of a statement. Each attempt has
// its own token.
//
// ClickHouse drops the rows of a token that it knows and acknowledges them. A
// MergeTree table logs the token before it commits the part. A server that dies
// between the two knows the token and has no rows: the same token again would be
// acknowledged, committed and lost. Rows that a repetition adds are harmless.
// They replace themselves by key, and readers of the ledger take one row per
// flush and partition.
//
// A statement without a token is deduplicated by the content of its rows, with
// the same risk. So token must not be one that an earlier call has used: it ends in
// a random part.
func attemptToken(token string, n int) string {
	if n == 1 {
		return token
	}
	return token + "#" + strconv.Itoa(n)
}

// ignoreViews is the setting under which an INSERT succeeds although a materialized
// view fails.
const ignoreViews = "materialized_views_ignore_errors"

// withoutViews is withToken for an INSERT that a view has made fail before.
func withoutViews(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{dedupToken: token, ignoreViews: "1"}))
}

func withToken(ctx context.Context, token string) context.Context {
	return clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{dedupToken: token}))
}
