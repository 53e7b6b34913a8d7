package trial

import (
	"context"
	"fmt"
	"time"
)

// brokerItself stops, kills and freezes the broker while two consumers are at
// work, which have to outlive it all. Each time it comes back on the same ports and
// with the same data. The publisher goes on all the while, and sends again what it
// has no answer for (orTwice).
func brokerItself(ctx context.Context, r *round, b bounds) (int, error) {
	const workMost = 300 * time.Millisecond
	both, err := r.pair()
	if err != nil {
		return 0, err
	}
	// Each kind comes as often as the others, the first ones drawn.
	kinds := brokerFaults
	first := r.dice.IntN(len(kinds))
	faults := 0
	for !b.reached(faults) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		done, err := r.advance(ctx, before, both...)
		if err != nil || done {
			return faults, err
		}
		if err := r.pause(ctx, workMost); err != nil {
			return faults, err
		}
		f := kinds[(first+faults)%len(kinds)]
		if err := f.strike(ctx, r); err != nil {
			return faults, fmt.Errorf("%s: %w", f.name, err)
		}
		faults++
		r.tally[f.name]++
	}
	return faults, r.drain(ctx, both)
}

// brokerFault ends with a broker that runs.
type brokerFault struct {
	name   string
	strike func(context.Context, *round) error
}

var brokerFaults = []brokerFault{
	{"restarted in order", func(ctx context.Context, r *round) error {
		if err := r.stage.broker.apache.Stop(); err != nil {
			return err
		}
		return r.stage.broker.apache.Again(ctx)
	}},
	{"killed and started again", func(ctx context.Context, r *round) error {
		r.stage.broker.apache.Kill()
		return r.stage.broker.apache.Again(ctx)
	}},
	// From a moment to well beyond sessions and requests.
	{"hung", func(ctx context.Context, r *round) error {
		if err := r.stage.broker.apache.Pause(); err != nil {
			return err
		}
		err := r.pause(ctx, 5*time.Second)
		if resumed := r.stage.broker.apache.Resume(); err == nil {
			err = resumed
		}
		return err
	}},
}
