// Package wait sleeps for a duration, or until something holds or a context ends.
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

// Until asks at an interval until holds returns true or an error. It returns the error, or
// the context's cause when ctx ends earlier.
func Until(ctx context.Context, every time.Duration, holds func() (bool, error)) error {
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		if err := For(ctx, every); err != nil {
			return err
		}
	}
}

// Expired reports whether ctx has ended, or its deadline has passed. A connection takes the
// deadline of its context and may fail by it before the context's own timer fires.
func Expired(ctx context.Context) bool {
	deadline, bounded := ctx.Deadline()
	return ctx.Err() != nil || bounded && !time.Now().Before(deadline)
}
