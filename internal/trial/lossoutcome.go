package trial

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// errUntold is a loss that was not told as it has to be.
var errUntold = errors.New("what was lost is not what is told")

// named are the losses between two offsets of each partition, where there are any.
func (l *losses) named(cause schemas.LostCause, from, to []int64) []world.LedgerLoss {
	var all []world.LedgerLoss
	for p := range from {
		if from[p] < to[p] {
			all = append(all, world.LedgerLoss{Range: world.Range{Epoch: l.epoch, Partition: int32(p), Start: from[p], Next: to[p]}, Cause: cause})
		}
	}
	return all
}

// buried are those of a topic made anew. What the old one held unread is lost, and
// the ledger cannot know how much that was.
func (l *losses) buried(ctx context.Context) ([]world.LedgerLoss, error) {
	read, err := l.reached(ctx, l.epoch-1)
	if err != nil {
		return nil, err
	}
	var all []world.LedgerLoss
	for p, end := range l.former {
		if read[p] < end {
			l.course.Lost = append(l.course.Lost, world.Range{Epoch: l.epoch - 1, Partition: int32(p), Start: read[p], Next: end})
		}
		all = append(all, world.LedgerLoss{Range: world.Range{Epoch: l.epoch, Partition: int32(p)}, Cause: schemas.LostTopicRecreated})
	}
	return all, nil
}

// readAfterAll takes out of the losses what is read from the given offsets on: it
// had only been stepped over.
func (l *losses) readAfterAll(from []int64) {
	for i := range l.course.Lost {
		if one := &l.course.Lost[i]; one.Epoch == l.epoch {
			one.Next = max(one.Start, min(one.Next, from[one.Partition]))
		}
	}
}

// outcome is that of a consumer which was running, with either value.
func (l *losses) outcome(ctx context.Context, losses func() ([]world.LedgerLoss, error)) error {
	if l.settings[onDataLoss] == continuing {
		if err := l.await(ctx); err != nil {
			return err
		}
		named, err := losses()
		if err != nil {
			return err
		}
		return l.told(ctx, named)
	}
	err := l.until(ctx, "the consumer's end", nil, func(ctx context.Context) (bool, error) {
		if l.consumer.alive() != nil {
			return true, nil
		}
		return l.caughtUp(ctx)
	})
	if err != nil {
		return fmt.Errorf("%w\n%s", err, l.consumer.journal.tail())
	}
	named, err := losses()
	if err != nil {
		return err
	}
	if len(named) == 0 && l.consumer.alive() == nil {
		l.tally["and nothing was lost"]++
		return nil
	}
	if err := l.ended(ctx, named); err != nil {
		return err
	}
	return l.accepts(ctx, named)
}

// mourn has the loss refused, found by the audit, and accepted.
func (l *losses) mourn(ctx context.Context, named []world.LedgerLoss) error {
	if err := l.refuses(ctx, named); err != nil {
		return err
	}
	return l.accepts(ctx, named)
}

// refuses starts a process that must not go on.
func (l *losses) refuses(ctx context.Context, named []world.LedgerLoss) error {
	before, err := l.positions(ctx)
	if err != nil {
		return err
	}
	if err := l.begin(failing); err != nil {
		return err
	}
	if err := l.until(ctx, "the consumer's end", nil, func(context.Context) (bool, error) { return l.consumer.alive() != nil, nil }); err != nil {
		return fmt.Errorf("%w\n%s", err, l.consumer.journal.tail())
	}
	if err := l.ended(ctx, named); err != nil {
		return err
	}
	after, err := l.positions(ctx)
	if err != nil {
		return err
	}
	if !slices.Equal(before, after) {
		return fmt.Errorf("%w: the process that refused it has committed %v, it was %v", errUntold, after, before)
	}
	return nil
}

// ended looks at the end of a process that does not accept a loss: its status, its
// last words, that no row says that the loss was accepted, and what the audit finds
// in the meantime.
func (l *losses) ended(ctx context.Context, named []world.LedgerLoss) error {
	p := l.consumer
	l.consumer = nil
	var status *exec.ExitError
	words := p.journal.tail()
	if !errors.As(p.err, &status) || status.ExitCode() != statusFailed {
		return fmt.Errorf("the process that refuses a loss ended otherwise: %w:\n%s", errors.Join(errUntold, p.err), words)
	}
	if err := l.said(words, named); err != nil {
		return err
	}
	if rows, err := l.lostRows(ctx); err != nil || rows != len(l.course.LedgerLosses) {
		return fmt.Errorf("%w: %d rows of the ledger before it was accepted, want %d (%w)", errUntold, rows, len(l.course.LedgerLosses), err)
	}
	return l.auditFinds(ctx, named)
}

// accepts starts a process that goes on. In one of three cases it is killed as soon
// as its word is in the ledger: that was enough, the next one has nothing to refuse.
func (l *losses) accepts(ctx context.Context, named []world.LedgerLoss) error {
	if err := l.begin(continuing); err != nil {
		return err
	}
	if l.dice.IntN(3) > 0 {
		if err := l.await(ctx); err != nil {
			return err
		}
		return l.told(ctx, named)
	}
	err := l.until(ctx, "the loss in the ledger", []*process{l.consumer}, func(ctx context.Context) (bool, error) {
		rows, err := l.lostRows(ctx)
		return rows >= len(l.course.LedgerLosses)+len(named), err
	})
	if err != nil {
		return err
	}
	l.consumer.kill()
	if _, err := l.record(ctx, named); err != nil {
		return err
	}
	l.tally["and killed once it had accepted"]++
	return l.goesOn(ctx)
}

// goesOn has a process that accepts nothing read to the end.
func (l *losses) goesOn(ctx context.Context) error {
	if err := l.begin(failing); err != nil {
		return err
	}
	if err := l.await(ctx); err != nil {
		return err
	}
	return l.told(ctx, nil)
}

// lostRows counts what the ledger names as lost.
func (l *losses) lostRows(ctx context.Context) (int, error) {
	var rows uint64
	err := l.conn.QueryRow(ctx, "SELECT countIf(kind = 'lost') FROM ingest_ledger").Scan(&rows)
	return int(rows), err
}
