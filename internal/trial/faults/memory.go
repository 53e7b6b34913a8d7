package faults

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/trial/tcpproxy"
	"github.com/pianola/pianola/internal/trial/usage"
)

// memoryBound limits the resident memory of one `pianola run` with its default limits, for
// any backlog and any messages.
const memoryBound = 512 << 20

// Memory is a service with default settings that starts before a large backlog.
func Memory() harness.Trial {
	return harness.Trial{
		Name: "memory", Fault: "backlog worked off by a process with its default limits", Times: 3, Proxied: true,
		Defaults: true, Subscribers: 60_000, Partitions: []int{1, 6, 32},
		New: func(r *harness.Round) harness.Scenario {
			return harness.Scenario{Run: memory{r}.run, Publish: r.PublishAll}
		},
	}
}

type memory struct{ *harness.Round }

// run has one process read the round's world, which is complete before the process
// starts, while ClickHouse is down part of the time. Then it does the same with topics
// whose batches cost the most memory (largeKinds). The peak has to stay below the bound
// each time. The faults are backlogs.
func (s memory) run(ctx context.Context, _ harness.Bounds) (int, error) {
	published := func(context.Context) (bool, error) { return s.Published(), nil }
	err := s.Until(ctx, "the whole backlog published", nil, published)
	if err == nil {
		err = s.measure(ctx, "the backlog", s.stall)
	}
	if err != nil {
		return 0, err
	}
	s.Count(fmt.Sprintf("of %d partitions", s.Partitions), 1)
	for _, kind := range largeKinds {
		if err := s.large(ctx, kind, max(minLarge, kind.partitions*kind.each, s.World.Total()/largeShare)); err != nil {
			return 0, fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return 1, nil
}

// measure has a process read to the end of the topic, calls meanwhile, and compares the
// peak of its memory with the bound.
func (s memory) measure(ctx context.Context, what string, meanwhile func(context.Context, *harness.Process) error) error {
	const every = 50 * time.Millisecond
	p, err := s.Start("consumer")
	if err != nil {
		return err
	}
	w := usage.Start(ctx, p.Watched(), every)
	if err = meanwhile(ctx, p); err == nil || errors.Is(err, harness.ErrOver) {
		err = s.Until(ctx, "every message committed", []*harness.Process{p}, s.Committed)
	}
	used := w.Stop(ctx)
	if err == nil {
		err = p.Drain(ctx)
	}
	if err != nil {
		return err
	}
	s.Peak = max(s.Peak, used.Peak)
	switch {
	case used.Peak == 0:
		return fmt.Errorf("%s: the memory of the process is not known", what)
	case used.Peak >= memoryBound:
		return fmt.Errorf("%s: the process used %d MiB at its peak, the bound is %d MiB", what, used.Peak>>20, memoryBound>>20)
	}
	return nil
}

// stall delays ClickHouse in every way that leaves the connection open. What has been
// fetched waits, and more must not be fetched.
func (s memory) stall(ctx context.Context, p *harness.Process) error {
	for _, f := range tcpproxy.Faults() {
		if !f.Stalls() {
			continue
		}
		before, err := s.Covered(ctx)
		if err == nil {
			err = s.Advance(ctx, before, p)
		}
		if err == nil {
			err = s.Proxy.While(ctx, f, func() error { return s.Pause(ctx, maxStrike) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}
