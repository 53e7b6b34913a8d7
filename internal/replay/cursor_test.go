package replay_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestCursor reads a partition whose records come one a fetch, so that everything
// that happens to the log happens between two fetches.
func TestCursor(t *testing.T) {
	tier.Full(t, "reads a topic many times")
	s := newEnv(t, "native")
	for range 10 {
		noise := make([]byte, 1200) // which lz4 makes no smaller
		_, _ = rand.Read(noise)
		s.send(0, string(noise)) // a batch of its own
	}
	cfg := s.Settings.ConsumerConfig()
	cfg.FetchMaxBytes = 1 << 10
	open := func(t *testing.T) *replay.Cursor {
		c, err := replay.OpenCursor(t.Context(), cfg, s.Topic, 0, 5*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := func(t *testing.T, c *replay.Cursor, offset int64, cause replay.Cause) {
		t.Helper()
		found, why, err := c.Find(t.Context(), offset)
		if err != nil || why != cause || cause == "" && found != offset {
			t.Errorf("at %d: found %d, cause %q, %v; want cause %q", offset, found, why, err, cause)
		}
	}
	t.Run("neighbours and gaps", func(t *testing.T) {
		c := open(t)
		defer c.Close()
		for _, offset := range []int64{0, 1, 4, 9} {
			want(t, c, offset, "")
		}
	})
	t.Run("the end of the log and beyond", func(t *testing.T) {
		c := open(t)
		defer c.Close()
		want(t, c, 9, "")
		want(t, c, 10, replay.TopicRecreated)
		want(t, c, 12, replay.TopicRecreated)
		want(t, c, 12+5000, replay.TopicRecreated)
	})
	t.Run("retention passes what was to be read over", func(t *testing.T) {
		c := open(t)
		defer c.Close()
		want(t, c, 0, "")
		s.DeleteBefore(0, 5)
		want(t, c, 6, "")
	})
	t.Run("retention passes what was wanted", func(t *testing.T) {
		c := open(t)
		defer c.Close()
		want(t, c, 5, "")
		s.DeleteBefore(0, 8)
		want(t, c, 6, replay.Retention)
		want(t, c, 7, replay.Retention)
		want(t, c, 8, "")
		want(t, c, 9, "")
	})
}
