package testbed

import (
	"os"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap"
)

// NoLeaks fails the test if goroutines are left of it. It is called before anything
// else is made, so that it looks after everything has been closed. The servers' own
// for connections that have just been closed may still be ending: it waits for them.
func NoLeaks(t testing.TB) {
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
}

// Metric sums a counter or a gauge over its labels; one that is not there is 0.
func Metric(t testing.TB, registry *prometheus.Registry, name string) (sum float64) {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			for _, m := range f.GetMetric() {
				sum += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return sum
}

// Log is where what is under test tells: nowhere, or to standard error where
// PIANOLA_TEST_LOG is set.
func Log() *zap.Logger {
	if os.Getenv("PIANOLA_TEST_LOG") == "" {
		return zap.NewNop()
	}
	log, err := zap.NewDevelopment()
	if err != nil {
		return zap.NewNop()
	}
	return log
}
