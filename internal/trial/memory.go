package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/line"
	"github.com/pianola/pianola/internal/trial/usage"
)

// memoryBound is what one `pianola run` with its default limits stays under,
// resident, whatever the backlog and whatever the messages are like.
const memoryBound = 512 << 20

// memoryTrial is about a service that starts in front of a large backlog, with the
// settings that it has when nobody sets any.
func memoryTrial() Trial {
	return Trial{
		Name: "memory", Fault: "backlog worked off by a process with its default limits", Times: 3, line: true,
		plain: true, subscribers: 60_000, partitions: []int{1, 6, 32}, tell: tellAtOnce, run: memory,
	}
}

// memory lets one process work off the round's world, all of which is there before
// it starts, while ClickHouse is away part of the time; and then, in topics beside
// it, messages that are as heavy as the contract lets them be. The process's peak
// has to stay under the bound each time. What counts are backlogs.
func memory(ctx context.Context, r *round, _ bounds) (int, error) {
	told := func(context.Context) (bool, error) { return r.ends.Load() != nil, nil }
	if err := r.until(ctx, "the whole backlog told", nil, told); err != nil {
		return 0, err
	}
	if err := r.measured(ctx, "the backlog", r.stall); err != nil {
		return 0, err
	}
	partitions := r.world.Config().Partitions
	r.tally[fmt.Sprintf("of %d partitions", partitions)]++
	for _, kind := range heavyKinds {
		if err := r.heavy(ctx, kind, max(leastHeavy, r.world.Total()/heavyShare)); err != nil {
			return 0, fmt.Errorf("%s: %w", kind.name, err)
		}
	}
	return 1, nil
}

// measured lets a process read to the end of the topic, doing what is to be done
// meanwhile, and holds its peak against the bound.
func (r *round) measured(ctx context.Context, what string, meanwhile func(context.Context, *process) error) error {
	const every = 50 * time.Millisecond
	p, err := r.start("consumer")
	if err != nil {
		return err
	}
	w := usage.Start(ctx, p.watched(), every)
	err = meanwhile(ctx, p)
	if err == nil {
		err = r.until(ctx, "every message committed", []*process{p}, r.committed)
	}
	seen := w.Stop(ctx)
	if err != nil {
		return err
	}
	p.terminate()
	if err := p.drained(ctx); err != nil {
		return err
	}
	r.peak = max(r.peak, seen.Peak)
	switch {
	case seen.Peak == 0:
		return fmt.Errorf("%s: nobody has told how much memory the process takes", what)
	case seen.Peak >= memoryBound:
		return fmt.Errorf("%s: the process has taken %d MiB at its peak, the bound is %d MiB", what, seen.Peak>>20, memoryBound>>20)
	}
	return nil
}

// stall keeps ClickHouse away for a while, in every way that leaves it open whether
// it will answer: what has been fetched waits, and more must not be fetched.
func (r *round) stall(ctx context.Context, p *process) error {
	const most = 2500 * time.Millisecond
	for _, f := range line.Faults() {
		if !f.Stalls() {
			continue
		}
		before, err := r.covered(ctx)
		if err != nil {
			return err
		}
		if done, err := r.advance(ctx, before, p); err != nil || done {
			return err
		}
		if err := r.line.Strike(f, 0); err != nil {
			return err
		}
		err = r.pause(ctx, most)
		if healed := r.line.Heal(context.WithoutCancel(ctx), f); err == nil {
			err = healed
		}
		if err != nil {
			return err
		}
	}
	return nil
}
