package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/sink"
)

// serverAway takes ClickHouse itself away from a consumer at work, and gives it back
// with the data it had: killed without a word, ended in order, or hanging with its
// sockets open. The consumer has to outlive it all as the member of its group that
// it was: what ClickHouse does must never become a rebalance.
func serverAway(ctx context.Context, r *round, b bounds) (int, error) {
	const (
		workMost = 100 * time.Millisecond
		downMost = 1500 * time.Millisecond
		// A hang needs work to hang in: not the last of the world.
		workLeast = 500
	)
	p, err := r.start("consumer")
	if err != nil {
		return 0, err
	}
	kinds := r.dice.Perm(3)
	faults, hangs := 0, 0
	for !b.reached(faults) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		if _, err := r.advance(ctx, before, p); err != nil {
			return faults, err
		}
		if err := r.stayed(p); err != nil {
			return faults, err
		}
		if now, err := r.covered(ctx); err != nil || r.all(now+workLeast) {
			return faults, err
		}
		switch kind := kinds[faults%len(kinds)]; kind {
		case 2:
			err = r.hang(ctx, p, hangs%3 == 2)
			hangs++
		default:
			if err = r.pause(ctx, workMost); err != nil {
				return faults, err
			}
			if kind == 0 {
				r.server.kill()
				r.tally["killed"]++
			} else {
				err = r.server.terminate(ctx)
				r.tally["ended in order"]++
			}
			if err == nil {
				err = r.pause(ctx, downMost)
			}
			if err == nil {
				err = r.server.start(ctx)
			}
		}
		if err != nil {
			return faults, err
		}
		faults++
	}
	p.terminate()
	return faults, p.drained(ctx)
}

// hang lets ClickHouse hang until the consumer has given an insert up, which it
// has to do by itself, and for a moment more; or, when it is to be long, for
// longer than the group waits for a member that says nothing.
func (r *round) hang(ctx context.Context, p *process, long bool) error {
	const (
		moreMost = 1500 * time.Millisecond
		longer   = sessionOfAway + 500*time.Millisecond
	)
	began := p.journal.count(sink.LogAttemptFailed)
	if err := r.server.hang(); err != nil {
		return err
	}
	err := r.until(ctx, "an insert given up while ClickHouse hangs", []*process{p}, func(context.Context) (bool, error) {
		return p.journal.count(sink.LogAttemptFailed) > began, nil
	})
	switch {
	case err != nil:
	case long:
		r.tally["hung for long"]++
		if !wait(ctx, longer) {
			err = ctx.Err()
		}
	default:
		r.tally["hung"]++
		err = r.pause(ctx, moreMost)
	}
	if goes := r.server.goOn(); err == nil {
		err = goes
	}
	return err
}

// sessionOfAway is the group's patience in this trial: long enough that a loaded
// machine does not cost a member its place, which would say nothing of ClickHouse.
const sessionOfAway = 8 * time.Second

// awaySettings are that, and batches so small that a world lasts.
func awaySettings() map[string]string {
	session := sessionOfAway.String()
	return map[string]string{"kafka.session_timeout": session, "kafka.request_timeout": session, "batch.max_rows": "100"}
}

// stayed is an error when the one consumer that there is has been in more than
// one generation.
func (r *round) stayed(p *process) error {
	if n := r.generations.count(); n > 1 {
		return fmt.Errorf("an outage of ClickHouse became a rebalance: %d generations of a group with one member: its last lines:\n%s", n, p.journal.tail())
	}
	return nil
}
