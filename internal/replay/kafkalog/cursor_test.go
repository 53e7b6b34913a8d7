package kafkalog_test

import (
	"crypto/rand"
	"os"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// TestCursor reads a partition whose records come one a fetch, so that everything
// that happens to the log happens between two fetches.
func TestCursor(t *testing.T) {
	tier.Full(t, "reads a topic many times")
	testbed.NoLeaks(t)
	s := services.Fixture(t, testbed.Config{Protocol: "native"})
	for range 10 {
		noise := make([]byte, 1200) // which lz4 makes no smaller
		_, _ = rand.Read(noise)
		s.Produce(kafka.Record{Value: noise}) // a batch of its own
	}
	cfg := s.Settings.ConsumerConfig()
	cfg.FetchMaxBytes = 1 << 10
	open := func(t *testing.T) *kafkalog.Cursor {
		topic, err := kafkalog.Open(t.Context(), cfg, s.Topic, 5*time.Second, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(topic.Close)
		return topic.NewCursor(0)
	}
	want := func(t *testing.T, c *kafkalog.Cursor, offset int64, cause kafkalog.Cause) {
		t.Helper()
		found, why, err := c.Find(t.Context(), offset)
		if err != nil || why != cause || cause == "" && found.Offset != offset {
			t.Errorf("at %d: found %d, cause %q, %v; want cause %q", offset, found.Offset, why, err, cause)
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
		want(t, c, 10, kafkalog.TopicRecreated)
		want(t, c, 12, kafkalog.TopicRecreated)
		want(t, c, 12+5000, kafkalog.TopicRecreated)
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
		want(t, c, 6, kafkalog.Retention)
		want(t, c, 7, kafkalog.Retention)
		want(t, c, 8, "")
		want(t, c, 9, "")
	})
}
