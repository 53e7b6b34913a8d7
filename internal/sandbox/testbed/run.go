package testbed

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"
)

// Run is something at work beside its test. All of it may be called from several
// goroutines, and again after the end.
type Run struct {
	t     testing.TB
	stop  context.CancelFunc
	ended chan struct{} // closed once err is set
	err   error
}

// Go starts it. The test's end stops it too, and waits for it, before anything
// that was made earlier is closed.
func Go(t testing.TB, run func(context.Context) error) *Run {
	// Not the test's own context: that ends before the test's clean-up begins, and
	// nobody could be asked then what is amiss.
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	r := &Run{t: t, stop: stop, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		r.err = run(ctx)
	}()
	t.Cleanup(func() { stop(); <-r.ended })
	return r
}

// Wait is what it returns in the end.
func (r *Run) Wait() error {
	r.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-r.ended:
		return r.err
	case <-timer.C:
		r.t.Fatalf("it has not ended within %v", patience)
		return nil
	}
}

// Stop ends its context, and gives what it returns.
func (r *Run) Stop() error {
	r.t.Helper()
	r.stop()
	return r.Wait()
}

// Drain stops it and wants a clean end.
func (r *Run) Drain() {
	r.t.Helper()
	if err := r.Stop(); err != nil {
		r.t.Fatalf("drain: %v", err)
	}
}

// Ended is nil while it runs. Afterwards it is an error, even if Run returned nil.
func (r *Run) Ended() error {
	select {
	case <-r.ended:
		if r.err == nil {
			return errors.New("it has ended by itself")
		}
		return fmt.Errorf("it has ended by itself: %w", r.err)
	default:
		return nil
	}
}
