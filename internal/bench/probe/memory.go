package probe

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/bench/compare"
	"github.com/pianola/pianola/internal/bench/meter"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/wait"
)

// MemoryResult is the resident memory of a system's process in bytes.
type MemoryResult struct {
	System   string `json:"system"`
	Rest     int64  `json:"rest"`      // with partitions and without messages
	RestPeak int64  `json:"rest_peak"` // of the start as well
	Full     int64  `json:"full"`      // peak at full speed
}

// Memory measures a system at rest for a while, and then another process of it at full
// speed. It has to have a process of its own.
func Memory(ctx context.Context, b *compare.Bench, s system.System, rest time.Duration) (result MemoryResult, err error) {
	result.System = s.Name()
	r, err := newRun(ctx, b.Lab, s, b.Topic.Messages, nil)
	if err != nil {
		return result, err
	}
	defer func() {
		fresh := context.WithoutCancel(ctx)
		err = errors.Join(err, r.Database.Drop(fresh), b.Lab.Broker.DeleteTopic(fresh, r.Topic.Name))
	}()
	if err := result.atRest(ctx, s, r, rest); err != nil {
		return result, fmt.Errorf("memory of %s: %w", s.Name(), err)
	}
	account, err := b.Run(ctx, s, compare.Variation{})
	result.Full = account.Peak.System
	return result, err
}

func (m *MemoryResult) atRest(ctx context.Context, s system.System, r *system.Run, rest time.Duration) (err error) {
	work, err := s.Start(ctx, r)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, work.Stop(context.WithoutCancel(ctx))) }()
	if err := work.Ready(ctx); err != nil {
		return err
	}
	if err := wait.For(ctx, rest); err != nil {
		return err
	}
	if m.Rest, err = meter.Resident(work.PID()); err != nil {
		return err
	}
	m.RestPeak, err = meter.Peak(work.PID())
	return err
}
