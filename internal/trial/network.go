package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/trial/line"
)

// struck is a fault on a line, to be taken off again.
type struck struct {
	on    *line.Line
	fault line.Fault
}

// network puts faults on the line to ClickHouse, on the one to Kafka and on both at
// once, while two instances of a group are at work, which have to outlive them all.
func network(ctx context.Context, r *round, b bounds) (int, error) {
	const (
		workMost   = 100 * time.Millisecond
		strikeMost = 2500 * time.Millisecond // sessions and inserts are bounded by 1 s
	)
	both, err := r.pair()
	if err != nil {
		return 0, err
	}
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
		n, err := r.strikeLines(ctx, strikeMost)
		if faults += n; err != nil {
			return faults, err
		}
	}
	return faults, r.drain(ctx, both)
}

// pair starts two instances of the group.
func (r *round) pair() ([]*process, error) {
	var both []*process
	for i := range 2 {
		p, err := r.start(fmt.Sprintf("instance-%d", i+1))
		if err != nil {
			return nil, err
		}
		both = append(both, p)
	}
	return both, nil
}

// drain ends processes in order, all at once.
func (r *round) drain(ctx context.Context, processes []*process) error {
	for _, p := range processes {
		p.terminate()
	}
	for _, p := range processes {
		if err := p.drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// strikeLines puts a fault on one line or on both at once, another on each, for a
// random time below most. It gives how many.
func (r *round) strikeLines(ctx context.Context, most time.Duration) (int, error) {
	const bytesMost = 60_000 // a batch is larger
	lines := []*line.Line{r.line, r.stage.broker.line}
	switch r.dice.IntN(3) {
	case 0:
		lines = lines[:1]
		r.tally["to ClickHouse alone"]++
	case 1:
		lines = lines[1:]
		r.tally["to Kafka alone"]++
	default:
		r.tally["to both at once"]++
	}
	var all []struck
	var errs []error
	for _, l := range lines {
		f := line.Draw(r.dice)
		if err := l.Strike(f, r.dice.IntN(bytesMost)); err != nil {
			errs = append(errs, err)
			break
		}
		all = append(all, struck{l, f})
		r.tally[f.Name]++
	}
	if len(errs) == 0 {
		errs = append(errs, r.pause(ctx, most))
	}
	for _, s := range all {
		errs = append(errs, s.on.Heal(context.WithoutCancel(ctx), s.fault))
	}
	return len(all), errors.Join(errs...)
}
