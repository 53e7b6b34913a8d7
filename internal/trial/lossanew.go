package trial

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
)

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
// recognises one that was gone for a tenth of a second (consumer.ErrTopicRecreated).
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
			old := slices.Clone(l.lengths)
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
		return l.outcome(ctx, func() ([]world.LedgerLoss, error) { return l.buried(ctx) })
	}
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
	l.course.RecreatedAt = append(l.course.RecreatedAt, l.sent)
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
