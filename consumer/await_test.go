package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// counter counts from several goroutines.
type counter struct{ n atomic.Int64 }

func (c *counter) add()       { c.n.Add(1) }
func (c *counter) get() int64 { return c.n.Load() }

func contextWithCancel(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(testContext(t))
}

// await takes one value, and fails the test where none comes.
func await[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-testContext(t).Done():
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// waitFor looks again and again until it is so.
func waitFor(t testing.TB, so func() bool) {
	t.Helper()
	ctx := testContext(t)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			t.Fatal("it never came to be")
		case <-ticker.C:
		}
	}
}
