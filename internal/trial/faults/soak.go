package faults

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/pianola/pianola/internal/trial/clickhouseerrors"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/usage"
)

// A soak has a steady rate of messages and of faults. A round lasts as long as its world,
// so that one process is watched for all that time.
const (
	soakPace   = 250 // messages a second
	soakEvery  = 2 * time.Second
	minSoak    = 90 * time.Second // of a round's world
	maxSoak    = time.Hour
	soakSample = 250 * time.Millisecond
	soakWarmUp = 0.2 // of a watch's samples
)

// Soak causes faults of every kind at a steady rate while one process is never ended.
func Soak() harness.Trial {
	return harness.Trial{
		Name: "soak", Fault: "one fault of every kind after the other, at a steady rate", Times: 30, Faulted: true, Proxied: true, Size: soakSize,
		ClickHouse: harness.OwnClickHouse(harness.Access(harness.Grants("*"))),
		New: func(r *harness.Round) harness.Scenario {
			s := &soak{Round: r}
			s.deck = harness.Shuffled(r.Dice, s.faults()...)
			return harness.Scenario{Run: s.run, Publish: r.TruthFromLog(s.publishSteadily)}
		},
	}
}

// soakSize is how many subscribers fill a round. One has about five messages.
func soakSize(p harness.Plan) int {
	return int(min(max(p.Duration, minSoak), maxSoak).Seconds()) * soakPace / 5
}

// soak is a round with two instances of the group: the Consumer, which stays from the
// beginning to the end and must not grow, and one that joins and leaves.
type soak struct {
	*harness.Round
	goes  *harness.Process // nil while it is absent
	watch *usage.Watch
	deck  *harness.Deck[outage]
	over  atomic.Bool // the publisher need not keep its pace any more
}

// publishSteadily sends messages at a constant pace, also while no process reads them,
// until the faults are over.
func (s *soak) publishSteadily(ctx context.Context) error {
	began := time.Now()
	return s.PublishWhen(ctx, func(sent int64) (bool, error) {
		return s.over.Load() || sent < int64(time.Since(began).Seconds()*soakPace), nil
	})
}

func (s *soak) run(ctx context.Context, b harness.Bounds) (faults int, err error) {
	defer s.over.Store(true)
	if err := s.StartConsumer(ctx); err != nil {
		return 0, err
	}
	s.watch = usage.Start(ctx, s.Consumer.Watched(), soakSample)
	defer s.watch.Stop(ctx)
	rate := time.NewTicker(soakEvery)
	defer rate.Stop()
	faults, err = s.CauseFaults(harness.FaultLoop{End: s.judgeGrowth, Strike: func(ctx context.Context) (int, error) {
		if n, err := s.deck.Draw().cause(ctx, s.Round); err != nil {
			return n, err
		}
		select {
		case <-rate.C:
			return 1, nil
		case <-ctx.Done():
			return 1, ctx.Err()
		}
	}})(ctx, b)
	if err == nil && s.goes != nil {
		err = s.goes.Drain(ctx)
	}
	return faults, err
}

// judgeGrowth compares the end of the consumer's life with its beginning.
func (s *soak) judgeGrowth(ctx context.Context) error {
	// A short soak may have too few samples. Then the process is watched for longer.
	const enough = 3 * usage.LeastSamples
	sampled := func(context.Context) (bool, error) { return s.watch.Count() >= enough, nil }
	if err := s.Until(ctx, "enough samples of a process", []*harness.Process{s.Consumer}, sampled); err != nil {
		return err
	}
	u := s.watch.Stop(ctx)
	g, err := u.Trend(soakWarmUp)
	if err != nil {
		return err
	}
	s.Peak, s.Growth = max(s.Peak, u.Peak), g.String()
	return g.Judge()
}

// faults are all that a process can survive and the round's servers allow. Each is healed
// when its strike returns. An error means that it could not be caused, or that a process
// did not survive it. To add a kind, add a line.
func (s *soak) faults() []outage {
	network := func(ctx context.Context, r *harness.Round) error {
		_, err := strikeNetwork(ctx, r)
		return err
	}
	all := []outage{
		{"instance killed", func(ctx context.Context, _ *harness.Round) error {
			return s.joinOrLeave(ctx, func(p *harness.Process) error { p.Kill(); return nil })
		}},
		{"instance drained", func(ctx context.Context, _ *harness.Round) error {
			return s.joinOrLeave(ctx, func(p *harness.Process) error { return p.Drain(ctx) })
		}},
		{"lines", network},
		{"lines again", network},
		{"error answered", clickhouseerrors.AnswerOnce},
		{"ClickHouse killed", func(ctx context.Context, r *harness.Round) error {
			return errors.Join(r.ClickHouse.Kill(), r.Pause(ctx, maxDown), r.ClickHouse.Restart(ctx))
		}},
		{"ClickHouse hung", func(ctx context.Context, r *harness.Round) error {
			return errors.Join(r.ClickHouse.Pause(), r.Pause(ctx, maxDown), r.ClickHouse.Resume())
		}},
	}
	if s.Env.Broker.Apache != nil {
		for _, o := range brokerOutages {
			all = append(all, outage{"broker " + o.name, o.strike})
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
