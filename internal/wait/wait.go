// Package wait sleeps for a duration or until a context ends.
package wait

import (
	"context"
	"time"
)

// For sleeps for d. It returns the context's cause when ctx ends earlier.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
