package sink

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// settler brings every event row of a batch to its end: into the table, or
// among the refused.
type settler struct {
	deliverer
	inserter inserter
	onInsert func(table string, rows, bytes int, elapsed time.Duration)
	clock    func() time.Time
}

// refusal is one row that ClickHouse will not take.
type refusal struct {
	part int // index of the part in the batch
	row  int // index of the row in the part's chunk
	code int32
}

// settlement is what became of a batch's events.
type settlement struct {
	refused  []refusal // in the order of the batch
	attempts int
	splits   int
}

// tolerated is how many of a batch's rows may be refused before the table, not
// the rows, is held to be wrong: 1 %, and any number of a batch under 100.
func tolerated(rows int) int {
	if rows < 100 {
		return rows
	}
	return rows / 100
}

// settle inserts the segment, halving where it is too large and bisecting where
// a row is refused. Left halves go first, so the insert order of the rows holds
// and at most one segment a level waits. The error is as deliver's; then
// nothing may be taken from the settlement.
func (t *settler) settle(ctx context.Context, all segment) (settlement, error) {
	return t.settleUpTo(ctx, all, tolerated(all.rows))
}

// settleUpTo is settle with another bound on the rows that may be refused.
func (t *settler) settleUpTo(ctx context.Context, all segment, limit int) (settlement, error) {
	var done settlement
	if all.rows == 0 {
		return done, nil
	}
	waiting := []segment{all}
	for len(waiting) > 0 {
		s := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		begun := t.clock()
		v, refused, attempts, err := t.deliver(ctx, insertOp(EventsTable), s.rows > 1, func(ctx context.Context, attempt int) error {
			return t.inserter.insert(ctx, s.attempt(attempt))
		})
		done.attempts += attempts
		switch {
		case err != nil:
			return done, err
		case v == delivered:
			t.onInsert(EventsTable, s.rows, s.bytes(), t.clock().Sub(begun))
		case s.rows > 1:
			t.log.Warn(LogInsertHalved, zap.Int("rows", s.rows),
				zap.Stringer("class", refused.Class), zap.Int32("code", refused.Code))
			if v == rowRefused {
				t.onRetry(ClassRow, refused.Code)
			}
			done.splits++
			left, right := s.halves()
			waiting = append(waiting, right, left)
		default:
			only := s.blocks[0]
			done.refused = append(done.refused, refusal{only.part, only.from, refused.Code})
			if len(done.refused) > limit {
				return done, tooManyRefused(refused)
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
