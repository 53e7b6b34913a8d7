package faults

import (
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/internal/trial/clickhouseerrors"
	"github.com/pianola/pianola/internal/trial/harness"
)

// soakFault is one kind of fault in a soak. It is healed when strike returns. An error
// means that it could not be caused, or that a process did not survive it.
type soakFault struct {
	name     string
	possible func(*harness.Round) bool // nil: always
	strike   func(context.Context, *soak) error
}

// soakFaults are all that a process can survive. To add a kind, add a line.
func soakFaults() []soakFault {
	network := func(ctx context.Context, s *soak) error {
		_, err := strikeNetwork(ctx, s.Round)
		return err
	}
	all := []soakFault{
		{"instance killed", nil, func(ctx context.Context, s *soak) error { return s.joinOrLeave(ctx, (*soak).killGoing) }},
		{"instance drained", nil, func(ctx context.Context, s *soak) error { return s.joinOrLeave(ctx, (*soak).drainGoing) }},
		{"lines", nil, network},
		{"lines again", nil, network},
		{"error answered", nil, func(ctx context.Context, s *soak) error {
			return clickhouseerrors.AnswerOnce(ctx, s.Round, s.stays)
		}},
		{"ClickHouse killed", nil, func(ctx context.Context, s *soak) error {
			if err := s.ClickHouse.Kill(); err != nil {
				return err
			}
			return errors.Join(s.Pause(ctx, maxServerDown), s.ClickHouse.Restart(ctx))
		}},
		{"ClickHouse hung", nil, func(ctx context.Context, s *soak) error {
			if err := s.ClickHouse.Pause(); err != nil {
				return err
			}
			return errors.Join(s.Pause(ctx, maxServerDown), s.ClickHouse.Resume())
		}},
	}
	for _, o := range brokerOutages {
		all = append(all, soakFault{"broker " + o.name, apacheKafka, func(ctx context.Context, s *soak) error {
			return o.strike(ctx, s.Round)
		}})
	}
	return all
}

const maxServerDown = 1500 * time.Millisecond

func apacheKafka(r *harness.Round) bool { return r.Env.Broker.Apache != nil }

// possible are the faults that can be caused in a round.
func possible(r *harness.Round) []soakFault {
	var all []soakFault
	for _, f := range soakFaults() {
		if f.possible == nil || f.possible(r) {
			all = append(all, f)
		}
	}
	return all
}

// joinOrLeave starts the second instance. Where it runs already, it is ended, and perhaps
// started again. The group changes either way while the first one works.
func (s *soak) joinOrLeave(ctx context.Context, end func(*soak, context.Context) error) error {
	const most = 500 * time.Millisecond
	if s.goes != nil {
		if err := s.goes.Alive(); err != nil {
			return err
		}
		if err := end(s, ctx); err != nil {
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
	var err error
	s.goes, err = s.Start("goes")
	return err
}

func (s *soak) killGoing(context.Context) error {
	s.goes.Kill()
	return nil
}

func (s *soak) drainGoing(ctx context.Context) error { return s.goes.Drain(ctx) }
