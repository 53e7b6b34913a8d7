package pipeline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pianola/pianola/sink"
)

// TestWatchdog_Check: an outage elsewhere is no reason to restart this process, a
// loop that hangs is.
func TestWatchdog_Check(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewWatchdog(time.Minute, time.Now)
		retried := 0
		hooks := p.SinkHooks(sink.Hooks{OnRetry: func(sink.Class, int32) { retried++ }})
		flusher, lane := p.watch(flusherLoop), p.watch("lane")
		lane.wait()
		flusher.step()
		for range 10 {
			<-time.After(50 * time.Second) // of the bubble's clock
			if err := p.Check(); err != nil {
				t.Fatalf("while the sink retries and the lane waits: %v", err)
			}
			hooks.OnRetry(sink.ClassRetry, 0)
		}
		<-time.After(50 * time.Second) // of the bubble's clock
		hooks.OnInsert("t", 1, 1, time.Second)
		<-time.After(50 * time.Second) // of the bubble's clock
		if err := p.Check(); err != nil || retried != 10 {
			t.Fatalf("after an insert: %v; %d retries passed on, want 10", err, retried)
		}
		<-time.After(11 * time.Second) // of the bubble's clock
		if err := p.Check(); err == nil || !strings.Contains(err.Error(), flusherLoop) {
			t.Fatalf("a flusher without a step for more than the limit: %v", err)
		}
		flusher.stop()
		if err := p.Check(); err != nil {
			t.Fatalf("a loop that has ended: %v", err)
		}
	})
}
