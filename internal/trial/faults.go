package trial

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/trial/line"
)

// clickHouseLine puts faults on the line of a consumer at work to ClickHouse.
func clickHouseLine(ctx context.Context, r *round, b bounds) (int, error) {
	return r.onLine(ctx, r.line, b)
}

// kafkaLine does so on the line to the broker.
func kafkaLine(ctx context.Context, r *round, b bounds) (int, error) {
	return r.onLine(ctx, r.stage.broker.line, b)
}

// onLine puts one fault after the other on a line, each while a consumer is at
// work, which has to outlive them all: what is wrong out there is waited for.
func (r *round) onLine(ctx context.Context, l *line.Line, b bounds) (int, error) {
	const (
		workMost   = 100 * time.Millisecond
		strikeMost = 2500 * time.Millisecond // sessions and inserts are bounded by 1 s
		bytesMost  = 60_000                  // a batch is larger
	)
	p, err := r.start("consumer")
	if err != nil {
		return 0, err
	}
	faults := 0
	for !b.reached(faults) {
		before, err := r.covered(ctx)
		if err != nil {
			return faults, err
		}
		done, err := r.advance(ctx, before, p)
		if err != nil || done {
			return faults, err
		}
		if err := r.pause(ctx, workMost); err != nil {
			return faults, err
		}
		f := line.Draw(r.dice)
		if err := l.Strike(f, r.dice.IntN(bytesMost)); err != nil {
			return faults, err
		}
		err = r.pause(ctx, strikeMost)
		if healed := l.Heal(context.WithoutCancel(ctx), f); err == nil {
			err = healed
		}
		if err != nil {
			return faults, err
		}
		faults++
		r.tally[f.Name]++
	}
	p.terminate()
	return faults, p.drained(ctx)
}
