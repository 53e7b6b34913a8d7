package trial

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/line"
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
	l.late = true
	defer func() { l.late = false }()
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
	return l.outcome(ctx, func() ([]world.LedgerLoss, error) {
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

// cutOff does something while nothing reaches ClickHouse.
func (l *losses) cutOff(ctx context.Context, do func() error) error {
	cut := line.Cut
	if err := l.line.Strike(cut, 0); err != nil {
		return err
	}
	return errors.Join(do(), l.line.Heal(context.WithoutCancel(ctx), cut))
}
