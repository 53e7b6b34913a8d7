package harness

import (
	"context"
	"errors"
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
		if faults, err = s.Run(ctx, b); err != nil && !errors.Is(err, ErrOver) {
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
	return r.start(name, []string{"run"}, append(r.environment(name), variables...))
}

// StartCommand starts another command of the binary, with the configuration of the round's
// processes, and does not wait for its end.
func (r *Round) StartCommand(name string, arguments ...string) (*Process, error) {
	return r.start(name, arguments, r.environment(name))
}

func (r *Round) start(name string, arguments, environment []string) (*Process, error) {
	p, err := startProcess(r.Env.binary, name, arguments, environment, r.newJournal())
	if err == nil {
		r.running = append(r.running, p)
	}
	return p, err
}

func (r *Round) newJournal() *journal { return newJournal(r.addGeneration, r.Env.LogLine) }

// StartConsumer starts the consumer of a scenario that has one at a time.
func (r *Round) StartConsumer(context.Context) (err error) {
	r.Consumer, err = r.Start("consumer")
	return err
}

// FaultLoop causes one fault after the other while processes work.
type FaultLoop struct {
	// Pair has two instances of the group work. Otherwise it is the round's Consumer, which
	// the loop starts whenever there is none.
	Pair bool
	// MaxWork is how long the processes work on, at most, after the ledger has advanced.
	// The time is random.
	MaxWork time.Duration
	// MinLeft is how many offsets must be left for a fault to have something to hit.
	MinLeft int64
	// Strike causes a fault and returns when it is over. It returns how many faults count.
	// ErrOver ends the loop.
	Strike func(ctx context.Context) (int, error)
	// End checks the processes after the last fault, before they are drained; nil: nothing.
	End func(context.Context) error
}

// CauseFaults runs the loop until the bounds are reached or the world is over, drains the
// processes, and returns the number of faults. Each fault waits until the ledger has
// advanced, so the processes must have survived the one before.
func (r *Round) CauseFaults(l FaultLoop) func(context.Context, Bounds) (int, error) {
	return func(ctx context.Context, b Bounds) (faults int, err error) {
		var pair []*Process
		for i := 1; l.Pair && i <= 2; i++ {
			p, err := r.Start(fmt.Sprintf("instance-%d", i))
			if err != nil {
				return 0, err
			}
			pair = append(pair, p)
		}
		for !b.Reached(faults) {
			n, err := r.causeFault(ctx, l, pair)
			if errors.Is(err, ErrOver) {
				break
			}
			if err != nil {
				return faults, err
			}
			faults += n
		}
		if l.End != nil {
			if err := l.End(ctx); err != nil {
				return faults, err
			}
		}
		if r.Consumer != nil {
			pair = append(pair, r.Consumer)
		}
		return faults, DrainAll(ctx, pair...)
	}
}

func (r *Round) causeFault(ctx context.Context, l FaultLoop, processes []*Process) (int, error) {
	before, err := r.Covered(ctx)
	if err == nil && !l.Pair && r.Consumer == nil {
		err = r.StartConsumer(ctx)
	}
	if !l.Pair {
		processes = []*Process{r.Consumer}
	}
	if err == nil {
		err = r.Advance(ctx, before, processes...)
	}
	if err == nil && l.MinLeft > 0 {
		if before, err = r.Covered(ctx); err == nil && r.All(before+l.MinLeft) {
			err = ErrOver
		}
	}
	if err == nil {
		err = r.Pause(ctx, l.MaxWork)
	}
	if err != nil {
		return 0, err
	}
	return l.Strike(ctx)
}
