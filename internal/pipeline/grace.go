package pipeline

import (
	"context"
	"errors"
	"time"

	"github.com/pianola/pianola/consumer"
)

// withGrace returns a context that outlives its parent by the given time; not at
// all where the parent's end is that of a drain, whose bound is the last there is.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if errors.Is(context.Cause(parent), consumer.ErrDrainTimeout) {
			cancel()
			return
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}
