package kafkalog_test

import (
	"context"
	"crypto/rand"
	"errors"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestRangeReader reads ranges of a partition whose records come one a fetch, so that
// everything that happens to the log happens between two fetches.
func TestRangeReader(t *testing.T) {
	tier.Full(t, "reads a topic many times")
	testbed.NoLeaks(t)
	s := services.Fixture(t, testbed.Config{Protocol: "native"})
	sendNoise := func(n int) {
		for range n {
			noise := make([]byte, 1200) // which lz4 makes no smaller
			_, _ = rand.Read(noise)
			s.Produce(kafka.Record{Value: noise}) // a batch of its own
		}
	}
	sendNoise(10)
	cfg := s.Settings.ConsumerConfig()
	cfg.FetchMaxBytes = 1 << 10
	open := func(t *testing.T, from, to int64) *kafkalog.RangeReader {
		topic, err := kafkalog.Open(t.Context(), cfg, s.Topic, 2*time.Second, zap.NewNop())
		s.In(t).Must(err)
		t.Cleanup(topic.Close)
		r := topic.NewRangeReader(0, from, to)
		t.Cleanup(r.Close)
		return r
	}
	// read reads up to an offset, and returns the offsets of the records.
	read := func(t *testing.T, r *kafkalog.RangeReader, to int64) (offsets []int64, removed int64) {
		t.Helper()
		for {
			found, err := r.Next(t.Context())
			s.In(t).Must(err)
			for _, record := range found.Records {
				offsets = append(offsets, record.Offset)
			}
			removed += found.Removed
			if found.Next >= to {
				return offsets, removed
			}
		}
	}
	want := func(t *testing.T, offsets []int64, first, n int64) {
		t.Helper()
		for i, offset := range offsets {
			if offset != first+int64(i) || int64(len(offsets)) != n {
				t.Fatalf("got the offsets %v, want %d from %d on", offsets, n, first)
			}
		}
	}
	t.Run("a range within the log", func(t *testing.T) {
		offsets, removed := read(t, open(t, 2, 7), 7)
		want(t, offsets, 2, 5)
		if removed != 0 {
			t.Errorf("%d removed", removed)
		}
	})
	t.Run("up to the end of the log", func(t *testing.T) {
		offsets, _ := read(t, open(t, 8, 10), 10)
		want(t, offsets, 8, 2)
	})
	t.Run("behind the end of the log", func(t *testing.T) {
		r := open(t, 9, 12)
		offsets, _ := read(t, r, 10)
		want(t, offsets, 9, 1)
		if _, err := r.Next(t.Context()); !errors.Is(err, kafkalog.ErrRecreated) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("retention passes the position", func(t *testing.T) {
		r := open(t, 0, 8)
		first, _ := read(t, r, 1)
		s.DeleteBefore(0, 5)
		rest, removed := read(t, r, 8)
		want(t, first, 0, 1)
		want(t, rest, 5, 3)
		if removed != 4 {
			t.Errorf("%d removed", removed)
		}
	})
	t.Run("retention passes the end of the range", func(t *testing.T) {
		offsets, removed := read(t, open(t, 0, 3), 3)
		if len(offsets) != 0 || removed != 3 {
			t.Errorf("got %v, %d removed", offsets, removed)
		}
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(t, 5, 8).Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("a topic that was recreated between two fetches", func(t *testing.T) {
		r := open(t, 5, 10)
		read(t, r, 6)
		s.DeleteTopic()
		if _, err := r.Next(t.Context()); !errors.Is(err, kafkalog.ErrTimeout) {
			t.Errorf("while it is missing: %v", err)
		}
		s.CreateTopic()
		sendNoise(12)
		err := kafkalog.ErrTimeout
		for errors.Is(err, kafkalog.ErrTimeout) { // the reader waits longer and longer between tries
			_, err = r.Next(t.Context())
		}
		if !errors.Is(err, kafkalog.ErrRecreated) {
			t.Errorf("recreated: %v", err)
		}
	})
}
