package harness

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// play runs the scenario and its publisher, and brings both to an end: processes that
// still run are terminated in order, and one more process reads what is left. It
// returns the number of faults.
func (r *Round) play(ctx context.Context, s Scenario, b Bounds) (int, error) {
	if s.Publish == nil {
		s.Publish = r.PublishBacklog
		r.ends.Store(&r.truth.Ends)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Publish(ctx) })
	faults := 0
	group.Go(func() error {
		var err error
		if faults, err = s.Run(ctx, b); err != nil {
			return err
		}
		for _, p := range r.running {
			if p.Alive() != nil {
				continue // the scenario has ended it, or would have returned an error
			}
			if err := p.Drain(ctx); err != nil {
				return err
			}
		}
		last, err := r.Start("last")
		if err != nil {
			return err
		}
		if err := r.Until(ctx, "every message committed", []*Process{last}, r.Committed); err != nil {
			return err
		}
		return last.Drain(ctx)
	})
	return faults, group.Wait()
}

// Start starts `pianola run` under a name. Variables are NAME=value; they override the
// environment that the round's settings make.
func (r *Round) Start(name string, variables ...string) (*Process, error) {
	p, err := startProcess(r.Env.binary, name, append(r.environment(name), variables...), r.newJournal())
	if err == nil {
		r.running = append(r.running, p)
	}
	return p, err
}

func (r *Round) newJournal() *journal {
	return &journal{generations: &r.generations, line: r.Env.LogLine}
}

// StartPair starts two instances of the group.
func (r *Round) StartPair() ([]*Process, error) {
	var both []*Process
	for i := range 2 {
		p, err := r.Start(fmt.Sprintf("instance-%d", i+1))
		if err != nil {
			return nil, err
		}
		both = append(both, p)
	}
	return both, nil
}

// FaultLoop causes one fault after the other while processes work.
type FaultLoop struct {
	Processes []*Process
	// MaxWork is how long the processes work on, at most, after the ledger has advanced.
	// The time is random.
	MaxWork time.Duration
	// MinLeft is how many offsets must be left for a fault to have something to hit.
	MinLeft int64
	// Strike causes a fault and returns when it is over. It returns how many faults count.
	Strike func(ctx context.Context) (int, error)
}

// CauseFaults runs the loop until the bounds are reached or the world is over, and
// returns the number of faults. Each fault waits until the ledger has advanced, so the
// processes must have survived the one before.
func (r *Round) CauseFaults(ctx context.Context, b Bounds, l FaultLoop) (int, error) {
	faults := 0
	for !b.Reached(faults) {
		before, err := r.Covered(ctx)
		if err != nil {
			return faults, err
		}
		done, err := r.Advance(ctx, before, l.Processes...)
		if err != nil || done {
			return faults, err
		}
		if l.MinLeft > 0 {
			if now, err := r.Covered(ctx); err != nil || r.All(now+l.MinLeft) {
				return faults, err
			}
		}
		if err := r.Pause(ctx, l.MaxWork); err != nil {
			return faults, err
		}
		n, err := l.Strike(ctx)
		if faults += n; err != nil {
			return faults, err
		}
	}
	return faults, nil
}
