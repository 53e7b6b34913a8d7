package faults

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/internal/trial/clickhouseerrors"
	"github.com/pianola/pianola/internal/trial/harness"
)

// soakFault is one kind of fault in a soak. It is healed when strike returns. An error
// means that it could not be caused, or that a process did not survive it.
type soakFault struct {
	name   string
	strike func(context.Context, *soak) error
}

// soakFaults are all that a process can survive and the round's servers allow. To add a
// kind, add a line.
func soakFaults(r *harness.Round) []soakFault {
	network := func(ctx context.Context, s *soak) error {
		_, err := strikeNetwork(ctx, s.Round)
		return err
	}
	all := []soakFault{
		{"instance killed", func(ctx context.Context, s *soak) error {
			return s.joinOrLeave(ctx, func(p *harness.Process) error { p.Kill(); return nil })
		}},
		{"instance drained", func(ctx context.Context, s *soak) error {
			return s.joinOrLeave(ctx, func(p *harness.Process) error { return p.Drain(ctx) })
		}},
		{"lines", network},
		{"lines again", network},
		{"error answered", func(ctx context.Context, s *soak) error { return clickhouseerrors.AnswerOnce(ctx, s.Round) }},
		{"ClickHouse killed", func(ctx context.Context, s *soak) error {
			return errors.Join(s.ClickHouse.Kill(), s.Pause(ctx, maxDown), s.ClickHouse.Restart(ctx))
		}},
		{"ClickHouse hung", func(ctx context.Context, s *soak) error {
			return errors.Join(s.ClickHouse.Pause(), s.Pause(ctx, maxDown), s.ClickHouse.Resume())
		}},
	}
	if r.Env.Broker.Apache != nil {
		for _, o := range brokerOutages {
			all = append(all, soakFault{"broker " + o.name, func(ctx context.Context, s *soak) error { return o.strike(ctx, s.Round) }})
		}
	}
	return all
}

// joinOrLeave starts the second instance. Where it runs already, it is ended, and perhaps
// started again. The group changes either way while the first one works.
func (s *soak) joinOrLeave(ctx context.Context, end func(*harness.Process) error) (err error) {
	const most = 500 * time.Millisecond
	if p := s.goes; p != nil {
		if err := cmp.Or(p.Alive(), end(p)); err != nil {
			return err
		}
		s.goes = nil
		if s.Dice.IntN(2) == 0 {
			return nil
		}
		if err := s.Pause(ctx, most); err != nil {
			return err
		}
	}
	s.goes, err = s.Start("goes")
	return err
}
