package trial

import (
	"context"
	"time"
)

// kill ends a consumer again and again as the machine would: without a word. What
// counts are kills of a process that has flushed and has more to read. Of all, one
// in four falls at any moment after the start, into joining and first fetches, and
// is mostly counted beside; one in four falls as soon as a row of the ledger is
// seen, where the offsets may not be committed yet; the others fall anywhere.
func kill(ctx context.Context, r *round, b bounds) (int, error) {
	const (
		workMost  = 150 * time.Millisecond
		startMost = 1500 * time.Millisecond
	)
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
		switch r.dice.IntN(4) {
		case 0:
			err = r.pause(ctx, startMost)
		case 1:
			_, err = r.advance(ctx, before, p)
		default:
			if _, err = r.advance(ctx, before, p); err == nil {
				err = r.pause(ctx, workMost)
			}
		}
		if err != nil {
			return faults, err
		}
		if err := p.alive(); err != nil {
			return faults, err
		}
		p.kill()
		now, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		switch {
		case r.all(now): // an idle process: the world is told and stored
			return faults, nil
		case now > before:
			faults++
			r.tally["at work"]++
		default:
			r.tally["before its first flush"]++
		}
	}
	return faults, nil
}
