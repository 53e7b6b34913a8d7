package faults

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// Rebalance has three instances of one group join and leave.
func Rebalance() harness.Trial {
	return harness.Trial{
		Name: "rebalance", Fault: "rebalance among three instances", Times: 50,
		// They avoid a livelock that the embedded broker has and Kafka does not. kfake
		// restarts the rebalance timeout with every join, and gives a member that was killed
		// before its first heartbeat no session. Two instances whose joins time out and come
		// again as new members, within one rebalance timeout of each other, then delay each
		// other for ever. A join waits as long as both timeouts together, so with these values
		// three instances cannot join often enough for that.
		Settings: map[string]string{"kafka.rebalance_timeout": "3s", "kafka.request_timeout": "7s"},
		New: func(r *harness.Round) harness.Scenario {
			s := &rebalance{Round: r}
			return harness.Scenario{Run: s.run, Publish: s.quota.Publisher(r)}
		},
	}
}

const instances = 3

type rebalance struct {
	*harness.Round
	quota            harness.Quota
	present, leaving [instances]*harness.Process
}

// run starts an instance that is absent, or ends one that is present, in order or by
// kill -9. An instance drains while others join and leave. The faults are the group's
// generations beyond the first, as the instances have logged them.
//
// The quota grows with each step: a small world would otherwise be stored before the
// second generation.
func (s *rebalance) run(ctx context.Context, b harness.Bounds) (int, error) {
	share := int64(max(1, s.World.Total()/30))
	defer s.quota.Lift()
	faults := func() int { return max(0, s.Generations()-1) }
	for !b.Reached(faults()) {
		before, err := s.Covered(ctx)
		if err == nil && s.All(before) {
			break
		}
		s.quota.Add(share)
		if err == nil {
			err = s.step(ctx, s.Dice.IntN(instances))
		}
		if err == nil {
			err = s.wait(ctx, before)
		}
		if err != nil {
			return faults(), err
		}
	}
	return faults(), harness.DrainAll(ctx, present(append(s.present[:], s.leaving[:]...))...)
}

func present(processes []*harness.Process) []*harness.Process {
	return slices.DeleteFunc(slices.Clone(processes), func(p *harness.Process) bool { return p == nil })
}

func (s *rebalance) step(ctx context.Context, i int) (err error) {
	if p := s.leaving[i]; p != nil {
		if err := p.Drained(ctx); err != nil {
			return err
		}
		s.leaving[i] = nil
	}
	switch p := s.present[i]; {
	case p == nil:
		s.present[i], err = s.Start(fmt.Sprintf("instance-%d", i+1))
		s.Count("joined", 1)
	case s.Dice.IntN(2) == 0:
		p.Kill()
		s.present[i] = nil
		s.Count("killed", 1)
	default:
		p.Terminate()
		s.present[i], s.leaving[i] = nil, p
		s.Count("drained", 1)
	}
	return err
}

// wait waits before the next step: every other time until the ledger has advanced, so
// that the group makes progress at all, and otherwise for a random time, which may end
// within the rebalance.
func (s *rebalance) wait(ctx context.Context, before int64) error {
	const most = 500 * time.Millisecond
	working := present(s.present[:])
	for _, p := range working {
		if err := p.Alive(); err != nil {
			return err
		}
	}
	if len(working) > 0 && s.Dice.IntN(2) == 0 {
		if err := s.Advance(ctx, before, working...); err != nil && !errors.Is(err, harness.ErrOver) {
			return err
		}
	}
	return s.Pause(ctx, most)
}
