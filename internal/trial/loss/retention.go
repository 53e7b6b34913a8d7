package loss

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
	"github.com/pianola/pianola/schemas"
)

// retentionAlone has retention pass the group while no process reads. In one of three
// cases Kafka has deleted the group's offsets too.
func retentionAlone(ctx context.Context, s *scenario) error {
	at, err := s.unread(ctx)
	if err != nil {
		return err
	}
	to := s.choose(at)
	err = s.retain(ctx, to)
	if err == nil && s.Dice.IntN(3) == 0 {
		err = s.forget(ctx)
	}
	if err != nil {
		return err
	}
	return s.rejectThenAccept(ctx, s.named(schemas.LostToRetention, at, to))
}

// retentionStalled has retention pass a reader that is stalled, because what it has read
// cannot be stored.
func retentionStalled(ctx context.Context, s *scenario) error {
	if err := s.work(ctx); err != nil {
		return err
	}
	s.late = true
	defer func() { s.late = false }()
	var to []int64
	err := s.Proxy.While(ctx, tcpproxy.Cut, func() error {
		if err := s.publishNext(ctx, 4*slice); err != nil {
			return err
		}
		to = append(to, s.lengths...)
		for p := range to {
			to[p] -= s.Dice.Int64N(3) // sometimes messages are left
		}
		return s.retain(ctx, to)
	})
	if err != nil {
		return err
	}
	return s.outcome(ctx, func() ([]world.LedgerLoss, error) {
		read := make([]int64, harness.Partitions)
		for p := range read {
			ends, err := s.Reached(ctx, "kind = 'flush' AND source_epoch = $2 AND start_offset < $3", s.epoch, to[p])
			if err != nil {
				return nil, err
			}
			read[p] = ends[p]
		}
		return s.named(schemas.LostToRetention, read, to), nil
	})
}

// retain deletes the records before offsets, as retention does.
func (s *scenario) retain(ctx context.Context, to []int64) error {
	var offsets kadm.Offsets
	for p, at := range to {
		if at > s.starts[p] {
			offsets.Add(kadm.Offset{Topic: s.Topic, Partition: int32(p), At: at})
			s.starts[p] = at
		}
	}
	answers, err := s.Env.Admin.DeleteRecords(ctx, offsets)
	if err := errors.Join(err, answers.Error()); err != nil {
		return fmt.Errorf("delete records: %w", err)
	}
	return nil
}
