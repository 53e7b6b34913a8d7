package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// retentionAlone has retention pass the group while nobody reads, and in one of
// three cases Kafka has forgotten the group's offsets besides.
func retentionAlone(ctx context.Context, l *losses) error {
	if err := l.unread(ctx); err != nil {
		return err
	}
	at, err := l.positions(ctx)
	if err != nil {
		return err
	}
	to := l.choose(at)
	if err := l.retain(ctx, to); err != nil {
		return err
	}
	if l.dice.IntN(3) == 0 {
		if err := l.forget(ctx); err != nil {
			return err
		}
	}
	return l.mourn(ctx, l.named(schemas.LostToRetention, at, to))
}

// retentionStalled has retention pass a reader that cannot go on, because what it
// has read cannot be stored.
func retentionStalled(ctx context.Context, l *losses) error {
	if err := l.work(ctx); err != nil {
		return err
	}
	var to []int64
	err := l.cutOff(ctx, func() error {
		if err := l.tellNext(ctx, 4*slice); err != nil {
			return err
		}
		to = append(to, l.lengths...)
		for p := range to {
			to[p] -= l.dice.Int64N(3) // sometimes something is left
		}
		return l.retain(ctx, to)
	})
	if err != nil {
		return err
	}
	return l.outcome(ctx, func() ([]world.Named, error) {
		read := make([]int64, partitions)
		for p := range read {
			one := make([]int64, partitions)
			if err := l.fromLedger(ctx, one, "kind = 'flush' AND source_epoch = $2 AND start_offset < $3", l.epoch, to[p]); err != nil {
				return nil, err
			}
			read[p] = one[p]
		}
		return l.named(schemas.LostToRetention, read, to), nil
	})
}

// anewAlone has the topic deleted and made anew while nobody reads. In every other
// case the group's offsets outlive the old topic, as they do where somebody brings
// them back.
func anewAlone(longer bool) func(context.Context, *losses) error {
	return func(ctx context.Context, l *losses) error {
		if err := l.unread(ctx); err != nil {
			return err
		}
		at, err := l.positions(ctx)
		if err != nil {
			return err
		}
		if err := l.makeAnew(ctx); err != nil {
			return err
		}
		if err := l.fill(ctx, at, longer); err != nil {
			return err
		}
		if l.dice.IntN(2) == 0 {
			if err := l.move(ctx, at); err != nil {
				return err
			}
		}
		named, err := l.buried(ctx)
		if err != nil {
			return err
		}
		return l.mourn(ctx, named)
	}
}

// gone is how long a topic is missing at least before it is made anew. A reader
// recognises one that was gone for a tenth of a second (consumer.ErrTopicBack).
const gone = 300 * time.Millisecond

// anewUnderway has it made anew under a reader. A stalled one looks away from the
// first moment to the last.
func anewUnderway(longer, stalled bool) func(context.Context, *losses) error {
	return func(ctx context.Context, l *losses) error {
		if err := l.work(ctx); err != nil {
			return err
		}
		blow := func() error {
			const pauseMost = 300 * time.Millisecond
			if err := l.tellNext(ctx, 4*slice); err != nil {
				return err
			}
			if err := l.pause(ctx, pauseMost); err != nil {
				return err
			}
			old := append([]int64(nil), l.lengths...)
			if err := l.makeAnew(ctx); err != nil {
				return err
			}
			return l.fill(ctx, old, longer)
		}
		var err error
		if stalled {
			err = l.cutOff(ctx, blow)
		} else {
			err = blow()
		}
		if err != nil {
			return err
		}
		return l.outcome(ctx, func() ([]world.Named, error) { return l.buried(ctx) })
	}
}

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
	beyond := append([]int64(nil), to...)
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
	to := append([]int64(nil), l.starts...)
	for p := range at {
		if to[p] == at[p] {
			continue // nothing is left to be read again
		}
		back := max(to[p], at[p]-1-l.dice.Int64N(most))
		to[p] = back + l.dice.Int64N(at[p]-back) // at least one is left, to be committed
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
	to := append([]int64(nil), from...)
	for _, p := range l.dice.Perm(len(from)) {
		if room := l.lengths[p] - from[p]; room > 0 && (l.dice.IntN(2) == 0 || equal(to, from)) {
			to[p] += 1 + l.dice.Int64N(room)
		}
	}
	return to
}

// retain is retention at work.
func (l *losses) retain(ctx context.Context, to []int64) error {
	var offsets kadm.Offsets
	for p, at := range to {
		if at > l.starts[p] {
			offsets.Add(kadm.Offset{Topic: l.topic, Partition: int32(p), At: at})
			l.starts[p] = at
		}
	}
	answers, err := l.stage.admin.DeleteRecords(ctx, offsets)
	if err := errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	return nil
}

// forget deletes the group with its offsets.
func (l *losses) forget(ctx context.Context) error {
	return l.insist(ctx, "the group deleted", func() error {
		answer, err := l.stage.admin.DeleteGroup(ctx, l.cfg.Kafka.Group)
		return errors.Join(err, answer.Err)
	})
}

// makeAnew deletes the topic and makes it again; the next message is its first.
func (l *losses) makeAnew(ctx context.Context) error {
	answers, err := l.stage.admin.DeleteTopics(ctx, l.topic)
	if err := errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("delete the topic: %w", err)
	}
	if !wait(ctx, gone) {
		return ctx.Err()
	}
	if err := l.insist(ctx, "the topic made anew", func() error { return l.makeTopic(ctx) }); err != nil {
		return err
	}
	l.course.Anew = append(l.course.Anew, l.sent)
	l.former = append(l.former[:0], l.lengths...)
	l.lengths, l.starts = make([]int64, partitions), make([]int64, partitions)
	l.epoch++
	return l.newProducer()
}

// fill tells the new topic something in every partition, or more than is given.
func (l *losses) fill(ctx context.Context, old []int64, longer bool) error {
	return l.tellUntil(ctx, func() bool {
		for p, length := range l.lengths {
			if length == 0 || longer && length <= old[p] {
				return false
			}
		}
		return true
	})
}

// cutOff does something while nothing reaches ClickHouse.
func (l *losses) cutOff(ctx context.Context, do func() error) error {
	cut := fault{name: "cut"}
	if err := l.line.strike(cut, 0); err != nil {
		return err
	}
	return errors.Join(do(), l.line.heal(context.WithoutCancel(ctx), cut))
}

func equal(a, b []int64) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
