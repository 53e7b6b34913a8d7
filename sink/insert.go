package sink

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// inserter inserts every event row of a batch, or returns it as refused.
type inserter struct {
	deliverer
	transport transport
	onInsert  func(table string, rows, bytes int, elapsed time.Duration)
	clock     func() time.Time
}

// refusal is one row that ClickHouse does not accept.
type refusal struct {
	part int // index in the batch
	row  int // index in the part's chunk
	code int32
}

// insertResult is the outcome of a batch's events.
type insertResult struct {
	refused  []refusal // in the order of the batch
	attempts int
	splits   int
}

// maxRefused is how many rows of a batch may be refused. More than 1 % means that
// the table is wrong, not the rows. A batch under 100 rows may be refused whole.
func maxRefused(rows int) int {
	if rows < 100 {
		return rows
	}
	return rows / 100
}

// insert inserts the segment. It halves a segment that is too large, and bisects
// one with a refused row. Left halves go first, so the order of the rows stays
// and at most one segment per level waits. The error is as deliver's. After an
// error the result must not be used.
func (t *inserter) insert(ctx context.Context, all segment) (insertResult, error) {
	return t.insertUpTo(ctx, all, maxRefused(all.rows))
}

// insertUpTo is insert with another limit on refused rows.
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

// tooManyRefused makes the last refusal fatal. Nothing is a dead letter yet: the
// flush writes dead letters only after the whole batch is inserted.
func tooManyRefused(last *Error) *Error {
	e := *last
	e.Class, e.cause = ClassFatal, ErrTooManyRefused
	e.Hint = "compare constraints, column types and views of " + EventsTable + " with `pianola schema ddl`"
	return &e
}

// transport sends the event rows of one segment as one INSERT. The native and the
// HTTP protocol implement it, and decorators that inject faults in tests.
//
// nil means that ClickHouse has acknowledged all rows. Any error is an *Error,
// and the outcome is unknown unless it has a code. Implementations do not retry.
// The same segment may be sent again, with the same bytes in the same blocks. Not
// safe for concurrent use.
type transport interface {
	insert(ctx context.Context, s segment) error
	close() error
}
