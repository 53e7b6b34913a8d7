package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// services are shared: a process can hold one engine. Every test has a topic
// and a database of its own.
var services *sandbox.Services

func TestMain(m *testing.M) {
	var err error
	if services, err = sandbox.Start(context.Background(), sandbox.Loopback(nil)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	services.Close()
	os.Exit(code)
}

var stages atomic.Int32

// stage is one test's world, topic and database.
type stage struct {
	t       *testing.T
	world   *world.World
	topic   string
	cfg     config.Config
	analyst driver.Conn
	client  *kgo.Client
	admin   *kadm.Client
}

func newStage(t *testing.T, protocol string, seed uint64, subscribers int) *stage {
	t.Helper()
	// Registered first, so that it looks after everything else has been closed.
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		// The shared servers' own goroutines for connections that have just
		// been closed may still be ending; goleak waits for them.
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})

	name := fmt.Sprintf("stage_%d", stages.Add(1))
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = seed, subscribers, name, 3
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, world: w, topic: name, cfg: services.Configure(protocol, name, name, w)}
	s.cfg.Kafka.Group = name
	s.cfg.Batch.MaxWait = 50 * time.Millisecond
	s.cfg.Kafka.FetchMaxWait = 100 * time.Millisecond
	if err := sandbox.Migrate(t.Context(), s.cfg, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	if s.analyst, err = services.Analyst(name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.analyst.Close() })

	client, err := kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	s.client, s.admin = client, kadm.NewClient(client)
	s.createTopic()
	return s
}

func (s *stage) createTopic() {
	s.t.Helper()
	if _, err := s.admin.CreateTopic(s.t.Context(), 3, 1, nil, s.topic); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) tell() {
	s.t.Helper()
	if err := services.Tell(s.t.Context(), s.world, func(int) {}); err != nil {
		s.t.Fatal(err)
	}
}

// instance is one Pianola of a test, with its writer behind the decorator.
type instance struct {
	t        *testing.T
	flow     *pipeline.Flow
	registry *prometheus.Registry
	cancel   context.CancelFunc
	done     chan error
	clean    func()
}

// start runs a flow; decorate may be nil.
func (s *stage) start(decorate func(pipeline.Sink) pipeline.Sink) *instance {
	s.t.Helper()
	if err := s.configErr(); err != nil {
		s.t.Fatal(err)
	}
	log := zap.NewNop()
	if os.Getenv("PIANOLA_TEST_LOG") != "" {
		log, _ = zap.NewDevelopment()
	}
	registry := prometheus.NewRegistry()
	metrics := pipeline.NewMetrics(registry, time.Now)
	rules, err := transform.New(s.cfg.TransformConfig())
	if err != nil {
		s.t.Fatal(err)
	}
	source, err := consumer.New(s.cfg.ConsumerConfig(), log, metrics.ConsumerHooks())
	if err != nil {
		s.t.Fatal(err)
	}
	writer, err := sink.Open(s.t.Context(), s.cfg.SinkConfig(), log, metrics.SinkHooks(time.Now))
	if err != nil {
		s.t.Fatal(err)
	}
	var out pipeline.Sink = writer
	if decorate != nil {
		out = decorate(writer)
	}
	flow := pipeline.New(s.cfg.PipelineConfig(), pipeline.Parts{
		Source: source, Rules: rules, Sink: out, Metrics: metrics,
		Pulse: pipeline.NewPulse(time.Minute, time.Now), Now: time.Now, Log: log,
	})
	ctx, cancel := context.WithCancel(s.t.Context())
	i := &instance{t: s.t, flow: flow, registry: registry, cancel: cancel, done: make(chan error, 1)}
	i.clean = func() { _ = writer.Close(); source.Close() }
	go func() { i.done <- flow.Run(ctx) }()
	return i
}

// failed is what Run has returned already, nil while it runs.
func (i *instance) failed() error {
	select {
	case err := <-i.done:
		i.done <- err
		return fmt.Errorf("the flow has ended: %w", err)
	default:
		return nil
	}
}

// metric sums a counter over its labels.
func (i *instance) metric(name string) (sum float64) {
	i.t.Helper()
	families, err := i.registry.Gather()
	if err != nil {
		i.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				sum += m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

func (s *stage) configErr() error {
	return s.cfg.PipelineConfig().Validate()
}

// stop drains the instance and returns what Run returned.
func (i *instance) stop() error {
	i.cancel()
	err := <-i.done
	i.clean()
	return err
}

// eventually waits for a condition of the servers' state.
func (s *stage) eventually(what string, holds func() (bool, error)) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		ok, err := holds()
		if err != nil {
			s.t.Fatalf("%s: %v", what, err)
		}
		if ok {
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: not within two minutes", what)
		}
	}
}

func (s *stage) awaitIngested() {
	s.t.Helper()
	s.eventually("every message accounted for", func() (bool, error) {
		a, err := sandbox.ReadAccount(s.t.Context(), s.analyst, s.topic)
		return err == nil && a.Covers(services, s.topic, 3), err
	})
}

// wantTruth holds the tables against the world.
func (s *stage) wantTruth() {
	s.t.Helper()
	report, err := s.world.Truth().Compare(s.t.Context(), s.analyst)
	if err != nil {
		s.t.Fatal(err)
	}
	if !report.Equal() {
		s.t.Fatalf("seed %d: the views do not equal the truth\n%s", s.world.Config().Seed, report.String())
	}
}

// one scans a single row.
func (s *stage) one(query string, into ...any) {
	s.t.Helper()
	if err := s.analyst.QueryRow(s.t.Context(), query).Scan(into...); err != nil {
		s.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
}

func (s *stage) committed() map[int32]int64 {
	s.t.Helper()
	offsets, err := s.admin.FetchOffsets(s.t.Context(), s.cfg.Kafka.Group)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) { // a group that has not committed yet
		s.t.Fatal(err)
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
	return at
}
