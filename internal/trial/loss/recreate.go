package loss

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
	"github.com/pianola/pianola/internal/wait"
)

// recreatedAlone recreates the topic while no process reads. In every other case the
// group's offsets survive the old topic, as they do where an operator restores them.
func recreatedAlone(longer bool) func(context.Context, *scenario) error {
	return func(ctx context.Context, s *scenario) error {
		at, err := s.unread(ctx)
		if err == nil {
			err = s.recreate(ctx)
		}
		if err == nil {
			err = s.fill(ctx, at, longer)
		}
		if err == nil && s.Dice.IntN(2) == 0 {
			err = s.MoveGroup(ctx, at)
		}
		if err != nil {
			return err
		}
		named, err := s.recreatedLosses(ctx)
		if err != nil {
			return err
		}
		return s.rejectThenAccept(ctx, named)
	}
}

// minGone is how long a topic is missing before it is recreated. A reader recognises a
// topic that was missing for a tenth of a second.
const minGone = 300 * time.Millisecond

// recreatedUnderReader recreates the topic while a process reads it. A stalled reader does
// not see the topic until it is recreated.
func recreatedUnderReader(longer, stalled bool) func(context.Context, *scenario) error {
	return func(ctx context.Context, s *scenario) error {
		if err := s.work(ctx); err != nil {
			return err
		}
		recreate := func() error {
			const pauseMost = 300 * time.Millisecond
			err := s.publishNext(ctx, 4*slice)
			if err == nil {
				err = s.Pause(ctx, pauseMost)
			}
			old := slices.Clone(s.lengths)
			if err == nil {
				err = s.recreate(ctx)
			}
			if err == nil {
				err = s.fill(ctx, old, longer)
			}
			return err
		}
		cause := recreate
		if stalled {
			cause = func() error { return s.Proxy.While(ctx, tcpproxy.Cut, recreate) }
		}
		if err := cause(); err != nil {
			return err
		}
		return s.outcome(ctx, func() ([]world.LedgerLoss, error) { return s.recreatedLosses(ctx) })
	}
}

// recreate deletes the topic and creates it again. The next message is its first.
func (s *scenario) recreate(ctx context.Context) error {
	answers, err := s.Env.Admin.DeleteTopics(ctx, s.Topic)
	if err := errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("delete the topic: %w", err)
	}
	if err := wait.For(ctx, minGone); err != nil {
		return err
	}
	if err := s.Insist(ctx, "the topic recreated", func() error { return s.CreateTopic(ctx) }); err != nil {
		return err
	}
	s.history.RecreatedAt = append(s.history.RecreatedAt, s.sent)
	s.former = append(s.former[:0], s.lengths...)
	s.lengths, s.starts = make([]int64, harness.Partitions), make([]int64, harness.Partitions)
	s.epoch++
	return s.newProducer()
}

// fill publishes messages to every partition of the new topic. A longer topic gets more
// than the old one had.
func (s *scenario) fill(ctx context.Context, old []int64, longer bool) error {
	return s.publishUntil(ctx, func() bool {
		for p, length := range s.lengths {
			if length == 0 || longer && length <= old[p] {
				return false
			}
		}
		return true
	})
}
