package trial

import (
	"context"
	"time"
)

// formsSettings make responses small, so that they end everywhere: behind a marker,
// a batch that is empty, and before one that is larger than they may be.
func formsSettings() map[string]string {
	return map[string]string{"kafka.fetch_max_bytes": "64KiB", "kafka.fetch_max_wait": "100ms"}
}

// forms kills a consumer now and then, while the publisher (tellForms) tells the
// world in every form that a Kafka record can have. The kills are spread over the
// whole stream, so that every form is met by a process that begins in its midst;
// some fall while the consumer waits at an open transaction.
func forms(ctx context.Context, r *round, b bounds) (int, error) {
	const (
		workMost = 150 * time.Millisecond
		more     = 12 // kills to spread over what is left, once the wanted ones are done
	)
	select {
	case <-r.ready:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	faults := 0
	for !b.reached(faults) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		p, err := r.start("consumer")
		if err != nil {
			return faults, err
		}
		left := int64(b.faults - faults)
		if left <= 0 {
			left = more
		}
		// The messages alone are fewer than the offsets there will be, so there is
		// room for the last kill too.
		room := max(1, 2*(int64(r.world.Total())-before)/(left+1))
		held, done, err := r.work(ctx, p, before+r.dice.Int64N(room), r.dice.IntN(2) == 0)
		switch {
		case err != nil:
			return faults, err
		case done:
			return faults, nil // play ends the process in order
		}
		if err := r.pause(ctx, workMost); err != nil {
			return faults, err
		}
		if err := p.alive(); err != nil {
			return faults, err
		}
		p.kill()
		faults++
		r.tally["killed at work"]++
		if held {
			r.tally["killed while it waited at an open transaction"]++
		}
	}
	return faults, nil
}

// work waits until the ledger covers more than so many offsets, or everything, or,
// where that will do, until the consumer stands before an open transaction.
func (r *round) work(ctx context.Context, p *process, mark int64, orHeld bool) (held, done bool, err error) {
	err = r.until(ctx, "the next flushes", []*process{p}, func(ctx context.Context) (bool, error) {
		now, err := r.covered(ctx)
		held, done = orHeld && r.held.Load(), r.all(now)
		return now > mark || held || done, err
	})
	return held, done, err
}
