package faults

import (
	"cmp"
	"context"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
)

// Kill is kill -9 of the only consumer.
func Kill() harness.Trial {
	return harness.Trial{Name: "kill", Fault: "kill -9 of the consumer at work", Times: 50, New: func(r *harness.Round) harness.Scenario {
		return harness.Scenario{Run: kill{r}.run}
	}}
}

type kill struct{ *harness.Round }

// run kills one consumer after the other. Kills of a process that has flushed and has
// more to read count. One in four comes at any moment after the start, so that it hits
// joins and first fetches; most of these do not count. One in four comes as soon as the
// ledger has a new row, when the offsets may not be committed yet. The others come at any
// moment after that.
func (k kill) run(ctx context.Context, b harness.Bounds) (faults int, err error) {
	const (
		maxWork  = 150 * time.Millisecond
		maxStart = 1500 * time.Millisecond
	)
	for !b.Reached(faults) {
		before, err := k.Covered(ctx)
		if err != nil {
			return faults, err
		}
		p, err := k.Start("consumer")
		if err != nil {
			return faults, err
		}
		when := k.Dice.IntN(4)
		if when > 0 {
			err = k.Advance(ctx, before, p)
		}
		if pauses := []time.Duration{maxStart, 0, maxWork, maxWork}; err == nil {
			err = k.Pause(ctx, pauses[when])
		}
		if err := cmp.Or(p.Alive(), err); err != nil {
			return faults, err
		}
		p.Kill()
		now, err := k.Covered(ctx)
		switch {
		case err != nil:
			return faults, err
		case k.All(now): // the process was idle
			return faults, nil
		case now > before:
			faults++
			k.Count("at work", 1)
		default:
			k.Count("before its first flush", 1)
		}
	}
	return faults, nil
}
