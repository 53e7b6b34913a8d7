package loss

import (
	"context"
	"errors"
	"slices"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// movedAhead moves the group's offsets over unread messages, sometimes beyond the end. In
// one of three cases they are moved back when the loss is reported, and nothing is lost.
func movedAhead(ctx context.Context, s *scenario) error {
	at, err := s.unread(ctx)
	if err != nil {
		return err
	}
	to := s.choose(at)
	beyond := slices.Clone(to)
	for p := range beyond {
		if to[p] == s.lengths[p] && s.Dice.IntN(2) == 0 {
			beyond[p] += 1 + s.Dice.Int64N(50)
		}
	}
	if err := s.MoveGroup(ctx, beyond); err != nil {
		return err
	}
	named := s.named(schemas.LostToMovedOffset, at, to)
	if s.Dice.IntN(3) > 0 {
		return s.rejectThenAccept(ctx, named)
	}
	s.Count("and moved back", 1)
	return harness.InOrder(ctx,
		func(ctx context.Context) error { return s.rejects(ctx, named) },
		func(ctx context.Context) error { return s.MoveGroup(ctx, at) },
		s.continues)
}

// forgotten deletes the group's offsets. The group begins at the first offset, and reads
// what it had skipped before.
func forgotten(ctx context.Context, s *scenario) error {
	if _, err := s.unread(ctx); err != nil {
		return err
	}
	s.readFrom(s.starts)
	return harness.InOrder(ctx, s.forget, s.continues)
}

// leftBehind is the state after a process has ended between its ledger row and its commit,
// and retention has passed the commit. Nothing is lost, and nothing may be reported.
func leftBehind(ctx context.Context, s *scenario) error {
	const most = 20
	if err := s.stop(ctx); err != nil {
		return err
	}
	at, err := s.Offsets(ctx)
	if err != nil {
		return err
	}
	to := slices.Clone(s.starts)
	for p := range at {
		if to[p] == at[p] {
			continue // no message is left that could be read again
		}
		back := max(to[p], at[p]-1-s.Dice.Int64N(most))
		to[p] = back + s.Dice.Int64N(at[p]-back+1)
		at[p] = back
	}
	err = s.MoveGroup(ctx, at)
	if err == nil {
		err = s.retain(ctx, to)
	}
	if err != nil {
		return err
	}
	s.readFrom(s.starts)
	return s.continues(ctx)
}

// forget deletes the group with its offsets.
func (s *scenario) forget(ctx context.Context) error {
	return s.Insist(ctx, "the group deleted", func() error {
		answer, err := s.Env.Admin.DeleteGroup(ctx, s.Config.Kafka.Group)
		return errors.Join(err, answer.Err)
	})
}

// unread stops the consumer, publishes messages that stay unread, and returns the group's
// offsets.
func (s *scenario) unread(ctx context.Context) ([]int64, error) {
	if err := harness.InOrder(ctx, s.stop, s.publishSlice); err != nil {
		return nil, err
	}
	return s.Offsets(ctx)
}

// choose returns a later offset than the given one in some partitions, and the given one
// in the others. At least one is later, where there are messages.
func (s *scenario) choose(from []int64) []int64 {
	to := slices.Clone(from)
	for _, p := range s.Dice.Perm(len(from)) {
		if room := s.lengths[p] - from[p]; room > 0 && (s.Dice.IntN(2) == 0 || slices.Equal(to, from)) {
			to[p] += 1 + s.Dice.Int64N(room)
		}
	}
	return to
}
