package sink

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// inserter brings every event row of a batch to its end: into the table, or
// among the refused.
type inserter struct {
	deliverer
	transport transport
	onInsert  func(table string, rows, bytes int, elapsed time.Duration)
	clock     func() time.Time
}

// refusal is one row that ClickHouse will not take.
type refusal struct {
	part int // index of the part in the batch
	row  int // index of the row in the part's chunk
	code int32
}

// insertResult is what became of a batch's events.
type insertResult struct {
	refused  []refusal // in the order of the batch
	attempts int
	splits   int
}

// maxRefused is how many of a batch's rows may be refused before the table, not
// the rows, is held to be wrong: 1 %, and any number of a batch under 100.
func maxRefused(rows int) int {
	if rows < 100 {
		return rows
	}
	return rows / 100
}

// settle inserts the segment, halving where it is too large and bisecting where
// a row is refused. Left halves go first, so the insert order of the rows holds
// and at most one segment a level waits. The error is as deliver's; then
// nothing may be taken from the insertResult.
func (t *inserter) insert(ctx context.Context, all segment) (insertResult, error) {
	return t.insertUpTo(ctx, all, maxRefused(all.rows))
}

// insertUpTo is settle with another bound on the rows that may be refused.
func (t *inserter) insertUpTo(ctx context.Context, all segment, limit int) (insertResult, error) {
	var done insertResult
	if all.rows == 0 {
		return done, nil
	}
	waiting := []segment{all}
	for len(waiting) > 0 {
		s := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		start := t.clock()
		d, err := t.deliver(ctx, insertOp(EventsTable), s.rows > 1, func(ctx context.Context, attempt int) error {
			return t.transport.insert(ctx, s.attempt(attempt))
		})
		done.attempts += d.attempts
		switch {
		case err != nil:
			return done, err
		case d.refused == nil:
			t.onInsert(EventsTable, s.rows, s.bytes(), t.clock().Sub(start))
		case s.rows > 1:
			t.log.Warn(LogInsertHalved, zap.Int("rows", s.rows),
				zap.Stringer("class", d.refused.Class), zap.Int32("code", d.refused.Code))
			if d.refused.Class == ClassRow {
				t.onRetry(ClassRow, d.refused.Code)
			}
			done.splits++
			left, right := s.halves()
			waiting = append(waiting, right, left)
		default:
			only := s.blocks[0]
			done.refused = append(done.refused, refusal{only.part, only.from, d.refused.Code})
			if len(done.refused) > limit {
				return done, tooManyRefused(d.refused)
			}
		}
	}
	return done, nil
}

// tooManyRefused makes the last refusal fatal. Nothing has been dead-lettered:
// that waits until a batch has been settled whole.
func tooManyRefused(last *Error) *Error {
	e := *last
	e.Class, e.cause = ClassFatal, ErrTooManyRefused
	e.Hint = "compare constraints, column types and views of " + EventsTable + " with `pianola schema ddl`"
	return &e
}

// inserter sends the event rows of one segment as one INSERT. Native and HTTP
// implement it, and in tests decorators that put faults in.
//
// nil means that ClickHouse has acknowledged all rows. Any error is an *Error
// and leaves the outcome unknown unless it carries a code. Implementations do
// not retry; the same segment may be sent again, and is then the same bytes in
// the same blocks. Not safe for concurrent use.
type transport interface {
	insert(ctx context.Context, s segment) error
	close() error
}
