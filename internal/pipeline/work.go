package pipeline

import (
	"context"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
)

// work runs lanes and flusher until ctx ends or draining closes (nil), or one of
// them fails, and returns once all have. run is what a lane does until its
// context ends.
func (f *Flow) work(ctx context.Context, draining <-chan struct{}, generation Generation, lanes []*lane,
	run func(context.Context, *lane, *limiter) error) error {
	limiter := newLimiter(f.config.MaxRows, f.config.MaxBytes)
	flusher := &flusher{flow: f, generation: generation, lanes: lanes, limiter: limiter}

	// Lanes stop when the generation ends, when the service drains, or when
	// one of them or the flusher fails; the flusher goes on through a drain.
	group, groupCtx := errgroup.WithContext(ctx)
	laneCtx, stopLanes := context.WithCancel(groupCtx)
	defer stopLanes()
	drained := make(chan struct{}) // closed when the last lane of a drain has stopped

	var running atomic.Int32
	running.Store(int32(len(lanes)))
	for _, l := range lanes {
		group.Go(func() error {
			err := run(laneCtx, l, limiter)
			if running.Add(-1) == 0 && err == nil && groupCtx.Err() == nil {
				close(drained)
			}
			return err
		})
	}
	if len(lanes) == 0 {
		group.Go(func() error {
			select {
			case <-laneCtx.Done():
				if groupCtx.Err() == nil {
					close(drained)
				}
			case <-groupCtx.Done():
			}
			return nil
		})
	}
	group.Go(func() error {
		select {
		case <-draining:
			stopLanes()
		case <-groupCtx.Done():
		case <-drained:
		}
		return nil
	})
	group.Go(func() error {
		defer stopLanes()
		return flusher.run(groupCtx, drained)
	})
	return group.Wait()
}
