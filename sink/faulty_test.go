package sink

import (
	"context"
	"time"

	"github.com/ClickHouse/ch-go"
	"github.com/ClickHouse/ch-go/proto"
	"go.uber.org/zap"
)

// memory is an inserter that keeps what it is given, and a decorator's place
// for faults: fault decides before (applied false) or after (applied true) the
// rows are kept, as a lost acknowledgement does.
type memory struct {
	fault    func(ctx context.Context, attempt int, s segment) (err error, applied bool)
	attempts int
	tokens   []string
	rows     map[int64]int // offset → times stored
	order    []int64
	seen     map[string]bool // tokens whose rows are in
	stores   []int           // rows of each insert that stored some
}

func (m *memory) insert(ctx context.Context, s segment) error {
	m.attempts++
	m.tokens = append(m.tokens, s.token)
	if m.fault != nil {
		err, applied := m.fault(ctx, m.attempts, s)
		if applied {
			m.store(s)
		}
		if err != nil {
			return newError(insertOp(EventsTable), "memory", err)
		}
	}
	m.store(s)
	return nil
}

func (m *memory) store(s segment) {
	if m.rows == nil {
		m.rows = make(map[int64]int)
	}
	if m.seen == nil {
		m.seen = make(map[string]bool)
	}
	if m.seen[s.token] {
		return
	}
	m.seen[s.token] = true
	m.stores = append(m.stores, s.rows)
	for _, offset := range offsets(s) {
		m.rows[offset]++
		m.order = append(m.order, offset)
	}
}

func (m *memory) close() error { return nil }

// absent and stored answer as the table would.
func (m *memory) absent(_ context.Context, s segment) (missing segment, _ error) {
	for i, offset := range offsets(s) {
		if m.rows[offset] == 0 {
			missing.append(s.slice(i, i+1, ""))
		}
	}
	return missing, nil
}

func (m *memory) stored(_ context.Context, all segment, refused []refusal) ([]bool, error) {
	stored := make([]bool, len(refused))
	for _, b := range all.blocks {
		for i, r := range refused {
			if r.part == b.part {
				stored[i] = m.rows[b.chunk.sourceOffset.values[r.row]] > 0
			}
		}
	}
	return stored, nil
}

// insertAll is insert with the limit of a flush.
func (t *inserter) insertAll(ctx context.Context, s segment) (insertResult, error) {
	return t.insert(ctx, s, maxRefused(s.rows))
}

// offsets are those of the segment's rows, in order.
func offsets(s segment) (all []int64) {
	for _, b := range s.blocks {
		all = append(all, b.chunk.sourceOffset.values[b.from:b.to]...)
	}
	return all
}

// answer is an exception as the native protocol brings it, with a text that
// holds a value, as ClickHouse's do.
func answer(code int32) error {
	return &ch.Exception{Code: proto.Error(code), Name: "DB::Exception", Message: secretText}
}

const secretText = "DB::Exception: in row subscription_id = 'secret-value'"

// batchOf makes parts of so many rows each; offsets run on through the batch.
func batchOf(rows ...int) *Batch {
	b := &Batch{Token: "t"}
	offset := 0
	for _, n := range rows {
		c := NewChunk()
		for range n {
			e, at := sample(offset % 100)
			at.Offset = int64(offset)
			c.Append(&e, at, uint64(offset))
			offset++
		}
		b.Parts = append(b.Parts, &Part{Chunk: c})
	}
	return b
}

type retried struct {
	class Class
	code  int32
}

// inserterOver is a inserter as Open makes it, over another inserter.
func inserterOver(t *memory, log *zap.Logger, seen *[]retried) *inserter {
	cfg := Defaults()
	return &inserter{
		deliverer: deliverer{timeout: cfg.InsertTimeout, retry: cfg.Retry, log: log, onRetry: func(c Class, code int32) {
			if seen != nil {
				*seen = append(*seen, retried{c, code})
			}
		}},
		transport: t,
		lookup:    t,
		onInsert:  func(string, int, int, time.Duration) {},
		clock:     time.Now,
	}
}
