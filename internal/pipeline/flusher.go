package pipeline

import (
	"context"
	"errors"
	"time"
)

// errRejoin ends a generation but not the flow: the group is joined again and
// every position judged anew.
var errRejoin = errors.New("the generation is left")

// flusher makes the parts of all lanes durable and commits them. One goroutine
// owns it for one generation.
type flusher struct {
	flow       *Flow
	generation Generation
	lanes      []*lane
	limiter    *limiter

	last time.Time // when the last flush began
}

// run flushes whenever the gate shuts, and otherwise at most once a MaxWait,
// until drain closes (then it flushes what there is and returns nil), the
// context ends (what is gathered is dropped) or a flush has not been committed
// (errRejoin, or what makes the whole flow stop).
func (f *flusher) run(ctx context.Context, drain <-chan struct{}) error {
	beat := f.flow.watchdog.watch(flusherLoop)
	defer beat.stop()
	for {
		beat.wait()
		select {
		case <-f.limiter.some:
		case <-drain:
			beat.step()
			return f.flush(ctx, beat)
		case <-ctx.Done():
			return nil
		}
		if !f.pause(ctx, drain) {
			continue
		}
		beat.step()
		if err := f.flush(ctx, beat); err != nil {
			return err
		}
	}
}

// pause waits until the next flush is due; false means that the context or the
// drain came first.
func (f *flusher) pause(ctx context.Context, drain <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(f.last.Add(f.flow.config.MaxWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.limiter.full:
		return true
	case <-drain:
		return false
	case <-ctx.Done():
		return false
	}
}

// taken is a part out of its lane's slot.
type lanePart struct {
	lane *lane
	part *part
}

// giveBack makes the parts the lanes' spares. One that grew far beyond its
// lane's share is left to the garbage collector: kept, it would let every lane
// come to hold a whole batch's memory.
func (f *flusher) giveBack(all []lanePart) {
	share := f.flow.config.MaxBytes / len(f.lanes)
	for _, t := range all {
		if t.lane.spare = t.part; t.part.bytes > share+share/4 {
			t.lane.spare = newPart()
		}
	}
}
