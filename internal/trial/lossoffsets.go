package trial

import (
	"context"
	"errors"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// movedAhead has somebody move the group's offsets over what nobody has read,
// sometimes beyond the end. In one of three cases he moves them back when he is
// told, and nothing is lost.
func movedAhead(ctx context.Context, l *losses) error {
	if err := l.unread(ctx); err != nil {
		return err
	}
	at, err := l.positions(ctx)
	if err != nil {
		return err
	}
	to := l.choose(at)
	beyond := slices.Clone(to)
	for p := range beyond {
		if to[p] == l.lengths[p] && l.dice.IntN(2) == 0 {
			beyond[p] += 1 + l.dice.Int64N(50)
		}
	}
	if err := l.move(ctx, beyond); err != nil {
		return err
	}
	named := l.named(schemas.LostToMovedOffset, at, to)
	if l.dice.IntN(3) > 0 {
		return l.mourn(ctx, named)
	}
	if err := l.refuses(ctx, named); err != nil {
		return err
	}
	if err := l.move(ctx, at); err != nil {
		return err
	}
	l.tally["and moved back"]++
	return l.goesOn(ctx)
}

// forgotten has the group's offsets deleted: it begins at the first offset, and
// what had been stepped over is read after all.
func forgotten(ctx context.Context, l *losses) error {
	if err := l.unread(ctx); err != nil {
		return err
	}
	if err := l.forget(ctx); err != nil {
		return err
	}
	l.readAfterAll(l.starts)
	return l.goesOn(ctx)
}

// leftBehind is what a process leaves that ends between its ledger and its commit,
// with retention between the two: nothing is lost, and nothing may be said to be.
func leftBehind(ctx context.Context, l *losses) error {
	const most = 20
	if err := l.rest(ctx); err != nil {
		return err
	}
	at, err := l.positions(ctx)
	if err != nil {
		return err
	}
	to := slices.Clone(l.starts)
	for p := range at {
		if to[p] == at[p] {
			continue // nothing is left to be read again
		}
		back := max(to[p], at[p]-1-l.dice.Int64N(most))
		to[p] = back + l.dice.Int64N(at[p]-back+1)
		at[p] = back
	}
	if err := l.move(ctx, at); err != nil {
		return err
	}
	if err := l.retain(ctx, to); err != nil {
		return err
	}
	l.readAfterAll(l.starts)
	return l.goesOn(ctx)
}

// forget deletes the group with its offsets.
func (l *losses) forget(ctx context.Context) error {
	return l.insist(ctx, "the group deleted", func() error {
		answer, err := l.stage.admin.DeleteGroup(ctx, l.cfg.Kafka.Group)
		return errors.Join(err, answer.Err)
	})
}

// unread has nobody at work, and something told that nobody has read.
func (l *losses) unread(ctx context.Context) error {
	if err := l.rest(ctx); err != nil {
		return err
	}
	return l.tellNext(ctx, slice)
}

// choose takes an offset beyond the given one in some partitions, at least one
// where there is something, and the given one in the others.
func (l *losses) choose(from []int64) []int64 {
	to := slices.Clone(from)
	for _, p := range l.dice.Perm(len(from)) {
		if room := l.lengths[p] - from[p]; room > 0 && (l.dice.IntN(2) == 0 || slices.Equal(to, from)) {
			to[p] += 1 + l.dice.Int64N(room)
		}
	}
	return to
}
