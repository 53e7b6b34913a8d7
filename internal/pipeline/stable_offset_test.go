package pipeline

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/consumer"
)

// TestOpenTransaction_observe: only the same last stable offset, seen by a reader that
// has read up to it, shows that one transaction stays open.
func TestOpenTransaction_observe(t *testing.T) {
	type seen struct {
		after              time.Duration // the observation before
		next, stable, high int64
	}
	for name, c := range map[string]struct {
		seen     []seen
		warnings int
	}{
		"no transaction":                 {[]seen{{0, 10, 10, 10}, {time.Hour, 10, 10, 10}}, 0},
		"a short one":                    {[]seen{{0, 10, 10, 20}, {time.Second, 10, 10, 30}, {time.Second, 30, 30, 30}}, 0},
		"short ones, one after another":  {[]seen{{0, 10, 10, 20}, {time.Hour, 20, 20, 30}, {time.Hour, 30, 30, 40}}, 0},
		"one that stays":                 {[]seen{{0, 10, 10, 20}, {3 * time.Minute, 10, 10, 20}}, 1},
		"reported again":                 {[]seen{{0, 10, 10, 20}, {3 * time.Minute, 10, 10, 20}, {9 * time.Minute, 10, 10, 30}, {2 * time.Minute, 10, 10, 30}}, 2},
		"pieces of one response":         {[]seen{{0, 4, 10, 20}, {time.Hour, 6, 10, 20}, {time.Hour, 10, 10, 20}}, 0},
		"a long insert before it is met": {[]seen{{0, 4, 10, 20}, {time.Hour, 10, 10, 20}, {time.Second, 12, 20, 20}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.UnixMilli(1_750_000_000_000)
			core, logs := observer.New(zap.InfoLevel)
			clock := func() time.Time { return now }
			f := &Flow{now: clock, metrics: NewMetrics(prometheus.NewRegistry(), clock), log: zap.New(core)}
			var transaction openTransaction
			for _, s := range c.seen {
				now = now.Add(s.after)
				transaction.observe(f, &consumer.RecordSet{Topic: "t", NextOffset: s.next, LastStable: s.stable, HighWatermark: s.high})
			}
			if n := logs.FilterMessage(LogOpenTransaction).Len(); n != c.warnings {
				t.Errorf("%d warnings, want %d", n, c.warnings)
			}
		})
	}
}
