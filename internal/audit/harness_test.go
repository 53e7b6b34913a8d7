package audit_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
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

const partitions = 3

var stages atomic.Int32

// stage is one test's world, topic and database.
type stage struct {
	t       *testing.T
	world   *world.World
	topic   string
	cfg     config.Config
	analyst driver.Conn
	admin   *kadm.Client
}

func newStage(t *testing.T, protocol string, subscribers int) *stage {
	t.Helper()
	// Registered first, so that it looks after everything else has been closed.
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	name := fmt.Sprintf("audited_%d", stages.Add(1))
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = 4, subscribers, name, partitions
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, world: w, topic: name, cfg: services.Configure(protocol, name, name, w)}
	s.cfg.Kafka.Group = name
	s.cfg.Kafka.FetchMaxWait = 100 * time.Millisecond
	s.cfg.Batch.MaxWait = 20 * time.Millisecond
	s.cfg.Batch.MaxRows = 100 // many rows of the ledger
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
	s.admin = kadm.NewClient(client)
	s.createTopic()
	return s
}

func (s *stage) createTopic() {
	s.t.Helper()
	if _, err := s.admin.CreateTopic(s.t.Context(), partitions, 1, nil, s.topic); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) tell() {
	s.t.Helper()
	if err := services.Tell(s.t.Context(), s.world, func(int) {}); err != nil {
		s.t.Fatal(err)
	}
}

// produce sends n good messages to one partition, numbered from first.
func (s *stage) produce(partition int32, first, n int) {
	s.t.Helper()
	producer, err := kafka.NewProducer(services.Kafka.Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	defer producer.Close()
	for i := first; i < first+n; i++ {
		err := producer.Send(s.t.Context(), kafka.Record{Topic: s.topic, Partition: partition, Time: time.UnixMilli(1_750_000_000_000 + int64(i)),
			Value: fmt.Appendf(nil, `{"subscription_id":"S'%d\\?{a:b}","event_timestamp":%d,"subscription_action":"Renewed"}`, i, 1_750_000_000+i)})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	if err := producer.Flush(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// consume runs a service; the function that it returns drains it.
func (s *stage) consume() (drain func()) {
	s.t.Helper()
	one, err := service.New(s.t.Context(), s.cfg, service.Options{Log: zap.NewNop(), Registry: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan error, 1)
	go func() { done <- one.Run(ctx) }()
	return func() {
		s.t.Helper()
		cancel()
		err := <-done
		one.Close()
		if err != nil {
			s.t.Fatal(err)
		}
	}
}

// ingest consumes until everything is committed.
func (s *stage) ingest() {
	s.t.Helper()
	drain := s.consume()
	s.awaitCommitted()
	drain()
}

func (s *stage) awaitCommitted() {
	s.t.Helper()
	s.eventually("everything committed", func() bool {
		at := s.committed()
		for p := range int32(partitions) {
			if end := services.Kafka.EndOffset(s.topic, p); end > 0 && at[p] < end {
				return false
			}
		}
		return true
	})
}

func (s *stage) committed() map[int32]int64 {
	s.t.Helper()
	at := map[int32]int64{}
	offsets, _ := s.admin.FetchOffsets(s.t.Context(), s.cfg.Kafka.Group) // an error: the group is not there yet
	offsets.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
	return at
}

// moveGroup commits an offset for one partition, as an operator's tool does.
func (s *stage) moveGroup(partition int32, offset int64) {
	s.t.Helper()
	var to kadm.Offsets
	to.Add(kadm.Offset{Topic: s.topic, Partition: partition, At: offset, LeaderEpoch: -1})
	if err := s.admin.CommitAllOffsets(s.t.Context(), s.cfg.Kafka.Group, to); err != nil {
		s.t.Fatal(err)
	}
}

// deleteBefore is retention at work on one partition.
func (s *stage) deleteBefore(partition int32, offset int64) {
	s.t.Helper()
	var to kadm.Offsets
	to.Add(kadm.Offset{Topic: s.topic, Partition: partition, At: offset})
	responses, err := s.admin.DeleteRecords(s.t.Context(), to)
	if err == nil {
		err = responses.Error()
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) eventually(what string, holds func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.t.Fatalf("%s: not within two minutes", what)
		}
	}
}

// plant changes the tables behind everybody's back.
func (s *stage) plant(statement string) {
	s.t.Helper()
	ctx := clickhouse.Context(s.t.Context(), clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2}))
	if err := s.analyst.Exec(ctx, statement); err != nil {
		s.t.Fatalf("%s: %v", strings.TrimSpace(statement), err)
	}
}

// one scans a single row.
func (s *stage) one(query string, into ...any) {
	s.t.Helper()
	if err := s.analyst.QueryRow(s.t.Context(), query).Scan(into...); err != nil {
		s.t.Fatalf("%s: %v", strings.TrimSpace(query), err)
	}
}

func (s *stage) audit(deep bool) *audit.Report {
	s.t.Helper()
	source, err := consumer.New(s.cfg.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer source.Close()
	rules, err := transform.New(s.cfg.TransformConfig())
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := clickhouse.Open(s.cfg.ClickHouseOptions())
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	report, err := audit.New(audit.Parts{Kafka: source, Group: s.cfg.Kafka.Group, Isolation: consumer.ReadCommitted, Conn: conn,
		Database: s.cfg.ClickHouse.Database, Rules: rules, Now: time.Now, Log: zap.NewNop()}).Run(s.t.Context(), deep)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// wantClean fails with everything that was found.
func (s *stage) wantClean(r *audit.Report) {
	s.t.Helper()
	if r.Clean && len(r.Findings) == 0 {
		return
	}
	for _, f := range r.Findings {
		s.t.Errorf("%s: %s", f.Kind, f.Text)
	}
	s.t.FailNow()
}

// wantOnly takes the one finding that there is to be.
func (s *stage) wantOnly(r *audit.Report, kind audit.Kind, cause audit.Cause, text string) audit.Finding {
	s.t.Helper()
	for _, f := range r.Findings {
		s.t.Logf("%s (%s): %s", f.Kind, f.Cause, f.Text)
	}
	if len(r.Findings) != 1 || r.Clean {
		s.t.Fatalf("%d findings, want one", len(r.Findings))
	}
	if f := r.Findings[0]; f.Kind != kind || f.Cause != cause || !strings.Contains(f.Text, text) {
		s.t.Fatalf("got %s (%s), want %s (%s) that says %q", f.Kind, f.Cause, kind, cause, text)
	}
	return r.Findings[0]
}
