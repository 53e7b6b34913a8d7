package loss

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// errReport says that a loss is not reported as it has to be.
var errReport = errors.New("a loss is not reported as it has to be")

// named are the losses between two offsets of each partition, where there are any.
func (s *scenario) named(cause schemas.LostCause, from, to []int64) []world.LedgerLoss {
	var all []world.LedgerLoss
	for p := range from {
		if from[p] < to[p] {
			all = append(all, world.LedgerLoss{Range: world.Range{Epoch: s.epoch, Partition: int32(p), Start: from[p], Next: to[p]}, Cause: cause})
		}
	}
	return all
}

// recreatedLosses are those of a recreated topic. What was unread in the old one is lost,
// and the ledger cannot know how much that was.
func (s *scenario) recreatedLosses(ctx context.Context) ([]world.LedgerLoss, error) {
	read, err := s.Reached(ctx, "source_epoch = $2", s.epoch-1)
	if err != nil {
		return nil, err
	}
	var all []world.LedgerLoss
	for p, end := range s.former {
		if read[p] < end {
			s.history.Lost = append(s.history.Lost, world.Range{Epoch: s.epoch - 1, Partition: int32(p), Start: read[p], Next: end})
		}
		all = append(all, world.LedgerLoss{Range: world.Range{Epoch: s.epoch, Partition: int32(p)}, Cause: schemas.LostTopicRecreated})
	}
	return all, nil
}

// readFrom removes from the losses what is read from the given offsets on. It had only
// been skipped.
func (s *scenario) readFrom(from []int64) {
	for i := range s.history.Lost {
		if one := &s.history.Lost[i]; one.Epoch == s.epoch {
			one.Next = max(one.Start, min(one.Next, from[one.Partition]))
		}
	}
}

// outcome checks what a consumer does that runs while the loss happens, with either value
// of consumer.on_data_loss.
func (s *scenario) outcome(ctx context.Context, losses func() ([]world.LedgerLoss, error)) error {
	if s.Settings[onDataLoss] == continuing {
		if err := s.await(ctx); err != nil {
			return err
		}
		named, err := losses()
		if err != nil {
			return err
		}
		return s.checkMetrics(ctx, named)
	}
	ended, err := s.UntilEnded(ctx, s.Consumer, s.caughtUp)
	if err != nil {
		return err
	}
	named, err := losses()
	if err != nil {
		return err
	}
	if len(named) == 0 && !ended {
		s.Count("and nothing was lost", 1)
		return nil
	}
	if err := s.checkEnd(ctx, named); err != nil {
		return err
	}
	return s.accepts(ctx, named)
}

// rejectThenAccept has the loss rejected by a process, found by the audit, and accepted by
// the next process.
func (s *scenario) rejectThenAccept(ctx context.Context, named []world.LedgerLoss) error {
	return harness.InOrder(ctx,
		func(ctx context.Context) error { return s.rejects(ctx, named) },
		func(ctx context.Context) error { return s.accepts(ctx, named) })
}

// rejects starts a process that must end.
func (s *scenario) rejects(ctx context.Context, named []world.LedgerLoss) error {
	before, err := s.Offsets(ctx)
	if err == nil {
		err = s.startFailing(ctx)
	}
	if err == nil {
		_, err = s.UntilEnded(ctx, s.Consumer, nil)
	}
	if err == nil {
		err = s.checkEnd(ctx, named)
	}
	if err != nil {
		return err
	}
	after, err := s.Offsets(ctx)
	if err == nil && !slices.Equal(before, after) {
		err = fmt.Errorf("%w: the process that rejected it has committed %v, it was %v", errReport, after, before)
	}
	return err
}

// checkEnd checks the end of a process that does not accept a loss: its status, its last
// lines, that no row of the ledger accepts the loss, and what the audit finds meanwhile.
func (s *scenario) checkEnd(ctx context.Context, named []world.LedgerLoss) error {
	p := s.Consumer
	s.Consumer = nil
	err := p.FailedSaying()
	if err == nil {
		err = s.checkMessages(p.Tail(), named)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errReport, err)
	}
	if rows, err := s.lostRows(ctx); err != nil || rows != len(s.history.LedgerLosses) {
		return fmt.Errorf("%w: %d rows of the ledger before it was accepted, want %d (%w)", errReport, rows, len(s.history.LedgerLosses), err)
	}
	return s.checkAudit(ctx, false, named...)
}

// accepts starts a process that continues. In one of three cases it is killed as soon as
// the ledger has its row. That is enough: the next process has nothing to reject.
func (s *scenario) accepts(ctx context.Context, named []world.LedgerLoss) error {
	if err := s.startWith(ctx, continuing); err != nil {
		return err
	}
	if s.Dice.IntN(3) > 0 {
		if err := s.await(ctx); err != nil {
			return err
		}
		return s.checkMetrics(ctx, named)
	}
	err := s.Until(ctx, "the loss in the ledger", []*harness.Process{s.Consumer}, func(ctx context.Context) (bool, error) {
		rows, err := s.lostRows(ctx)
		return rows >= len(s.history.LedgerLosses)+len(named), err
	})
	if err != nil {
		return err
	}
	s.Consumer.Kill()
	if _, err := s.record(ctx, named); err != nil {
		return err
	}
	s.Count("and killed once it had accepted", 1)
	return s.continues(ctx)
}

// continues has a process that accepts no loss read to the end.
func (s *scenario) continues(ctx context.Context) error {
	return harness.InOrder(ctx, s.startFailing, s.await, func(ctx context.Context) error { return s.checkMetrics(ctx, nil) })
}

// lostRows counts the losses in the ledger.
func (s *scenario) lostRows(ctx context.Context) (int, error) {
	var rows uint64
	err := s.Conn.QueryRow(ctx, "SELECT countIf(kind = 'lost') FROM ingest_ledger").Scan(&rows)
	return int(rows), err
}
