package pipeline_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// fixture is a testbed.Fixture, on which flows run.
type fixture struct{ *testbed.Fixture }

func newFixture(t *testing.T, protocol string, seed uint64, subscribers int) *fixture {
	t.Helper()
	testbed.NoLeaks(t)
	return &fixture{services.Fixture(t, testbed.Config{Protocol: protocol, Seed: seed, Subscribers: subscribers})}
}

// decorator wraps a flow's writer; nil leaves it as it is.
type decorator func(pipeline.Sink) pipeline.Sink

// instance is one Pianola of a test.
type instance struct {
	*testbed.Run
	t        testing.TB
	flow     *pipeline.Flow
	registry *prometheus.Registry
}

// start runs a flow with the fixture's settings as they are now.
func (s *fixture) start(decorate decorator) *instance {
	s.Helper()
	registry := prometheus.NewRegistry()
	flow, closeParts := newFlow(s, s.Settings, registry, decorate)
	run := testbed.Go(s, func(ctx context.Context) error {
		defer closeParts()
		return flow.Run(ctx)
	})
	return &instance{Run: run, t: s.TB, flow: flow, registry: registry}
}

// newFlow makes a flow as the service does. The caller closes its parts when it
// has run.
func newFlow(t testing.TB, cfg config.Config, registry *prometheus.Registry, decorate decorator) (flow *pipeline.Flow, closeParts func()) {
	t.Helper()
	return buildFlow(t, cfg, registry, decorate, time.Now, testbed.Log())
}

// buildFlow is newFlow with a clock and a log.
func buildFlow(t testing.TB, cfg config.Config, registry *prometheus.Registry, decorate decorator,
	now func() time.Time, log *zap.Logger) (flow *pipeline.Flow, closeParts func()) {
	t.Helper()
	if err := cfg.PipelineConfig().Validate(); err != nil {
		t.Fatal(err)
	}
	metrics := pipeline.NewMetrics(registry, now)
	rules, err := transform.New(cfg.TransformConfig())
	if err != nil {
		t.Fatal(err)
	}
	source, err := consumer.New(cfg.ConsumerConfig(), log, metrics.ConsumerHooks())
	if err != nil {
		t.Fatal(err)
	}
	writer, err := sink.Open(t.Context(), cfg.SinkConfig(), log, metrics.SinkHooks(now))
	if err != nil {
		source.Close()
		t.Fatal(err)
	}
	var out pipeline.Sink = writer
	if decorate != nil {
		out = decorate(writer)
	}
	flow = pipeline.New(cfg.PipelineConfig(), pipeline.Deps{
		Source: source, Rules: rules, Sink: out, Metrics: metrics,
		Watchdog: pipeline.NewWatchdog(time.Hour, now), Now: now, Log: log,
	})
	return flow, func() { _ = writer.Close(); source.Close() }
}

// metric sums a counter over its labels.
func (i *instance) metric(name string) float64 {
	i.t.Helper()
	return testbed.Metric(i.t, i.registry, name)
}

// awaitAssigned waits until the instance has all that its assignment needs.
func (s *fixture) awaitAssigned(i *instance) {
	s.Helper()
	s.Eventually("partitions are assigned", func() bool { return i.flow.Assigned() == nil }, i.Run)
}
