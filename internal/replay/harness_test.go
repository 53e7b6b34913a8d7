package replay_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/replay"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/schemas"
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

// stage is one test's topic of two partitions and its database.
type stage struct {
	*testing.T
	topic    string
	cfg      config.Config
	analyst  driver.Conn
	client   *kgo.Client
	admin    *kadm.Client
	patience time.Duration
	sent     [2]int // records by partition
}

func newStage(t *testing.T, protocol string) *stage {
	t.Helper()
	before := goleak.IgnoreCurrent() // first, so that it looks after everything has been closed
	t.Cleanup(func() {
		if err := goleak.Find(before); err != nil {
			t.Error(err)
		}
	})
	name := fmt.Sprintf("redrive_%d", stages.Add(1))
	s := &stage{T: t, topic: name, cfg: config.Defaults(), patience: 20 * time.Second}
	s.cfg.Kafka.Brokers, s.cfg.Kafka.Topics, s.cfg.Kafka.Group = []string{services.Kafka.Addr()}, []string{name}, name
	s.cfg.Kafka.FetchMaxWait = 50 * time.Millisecond
	s.cfg.Batch.MaxWait = 20 * time.Millisecond
	s.cfg.ClickHouse.Database, s.cfg.ClickHouse.Protocol = name, protocol
	s.cfg.ClickHouse.Addr = []string{services.ClickHouse.NativeAddr()}
	if protocol == "http" {
		s.cfg.ClickHouse.Addr = []string{services.ClickHouse.HTTPAddr()}
	}
	s.must(sandbox.Migrate(t.Context(), s.cfg, zap.NewNop()))
	var err error
	s.analyst, err = services.Analyst(name)
	s.must(err)
	t.Cleanup(func() { _ = s.analyst.Close() })
	s.client, err = kgo.NewClient(kgo.SeedBrokers(services.Kafka.Addr()))
	s.must(err)
	t.Cleanup(s.client.Close)
	s.admin = kadm.NewClient(s.client)
	s.createTopic()
	return s
}

func (s *stage) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *stage) createTopic() {
	s.Helper()
	_, err := s.admin.CreateTopic(s.Context(), 2, 1, nil, s.topic)
	s.must(err)
	s.sent = [2]int{}
}

func (s *stage) deleteTopic() {
	s.Helper()
	_, err := s.admin.DeleteTopic(s.Context(), s.topic)
	s.must(err)
}

// recordTime is the timestamp of the record at an offset.
func recordTime(offset int) time.Time { return time.UnixMilli(1_750_000_000_000 + int64(offset)) }

// The messages of the tests. what names another field for the instant: refused
// as missing_field until the alias is configured.
func good(id string) string {
	return `{"subscription_id":"` + id + `","event_timestamp":1750000000,"subscription_action":"Renewed"}`
}

func aliased(id string) string {
	return `{"subscription_id":"` + id + `","what":1750000000,"subscription_action":"Renewed"}`
}

func internal(id string) string {
	return `{"subscription_id":"` + id + `","what":1750000000,"subscription_action":"Renewed","is_internal_user":true}`
}

const hopeless = `{"subscription_id":"hopeless`

// send produces values to a partition.
func (s *stage) send(partition int32, values ...string) {
	s.Helper()
	producer, err := kafka.NewProducer(services.Kafka.Addr())
	s.must(err)
	defer producer.Close()
	for _, value := range values {
		s.must(producer.Send(s.Context(), kafka.Record{Topic: s.topic, Partition: partition,
			Value: []byte(value), Time: recordTime(s.sent[partition])}))
		s.sent[partition]++
	}
	s.must(producer.Flush(s.Context()))
}

// consume runs a flow until everything is committed, then drains it.
func (s *stage) consume() {
	s.Helper()
	stop := s.startConsumer()
	s.eventually("everything committed", s.committedAll)
	stop()
}

// startConsumer runs a flow until the function that it gives is called.
func (s *stage) startConsumer() (stop func()) {
	s.Helper()
	metrics := pipeline.NewMetrics(prometheus.NewRegistry(), time.Now)
	source, err := consumer.New(s.cfg.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	s.must(err)
	writer, err := sink.Open(s.Context(), s.cfg.SinkConfig(), zap.NewNop(), sink.Hooks{})
	s.must(err)
	flow := pipeline.New(s.cfg.PipelineConfig(), pipeline.Parts{
		Source: source, Rules: s.rules(), Sink: writer, Metrics: metrics,
		Pulse: pipeline.NewPulse(time.Minute, time.Now), Now: time.Now, Log: zap.NewNop(),
	})
	ctx, cancel := context.WithCancel(s.Context())
	done := make(chan error, 1)
	go func() { done <- flow.Run(ctx) }()
	return func() {
		s.Helper()
		cancel()
		err := <-done
		_ = writer.Close()
		source.Close()
		s.must(err)
	}
}

func (s *stage) rules() *transform.Rules {
	s.Helper()
	rules, err := transform.New(s.cfg.TransformConfig())
	s.must(err)
	return rules
}

func (s *stage) committedAll() bool {
	s.Helper()
	offsets, err := s.admin.FetchOffsets(s.Context(), s.cfg.Kafka.Group)
	if err != nil {
		return false // the group is not there yet
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
	for p := range int32(2) {
		if at[p] != services.Kafka.EndOffset(s.topic, p) {
			return false
		}
	}
	return true
}

func (s *stage) eventually(what string, holds func() bool) {
	s.Helper()
	ctx, cancel := context.WithTimeout(s.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			s.Fatalf("%s: not within a minute", what)
		}
	}
}

// alias lets the messages of aliased and internal pass from now on.
func (s *stage) alias() { s.cfg.Transform.FieldAliases = map[string]string{"what": "event_timestamp"} }

// redriver is one with the stage's configuration as it is now.
func (s *stage) redriver(hooks sink.Hooks) *replay.Redriver {
	s.Helper()
	return s.redriverTelling(hooks, zaptest.NewLogger(s, zaptest.Level(zap.WarnLevel)))
}

func (s *stage) redriverTelling(hooks sink.Hooks, log *zap.Logger) *replay.Redriver {
	s.Helper()
	writer, err := sink.Open(s.Context(), s.cfg.SinkConfig(), log, hooks)
	s.must(err)
	s.Cleanup(func() { _ = writer.Close() })
	return replay.New(replay.Parts{
		Kafka: s.cfg.ConsumerConfig(), Patience: s.patience, Rules: s.rules(), Writer: writer,
		Conn: s.analyst, Database: s.topic, Now: time.Now, Log: log,
	})
}

func (s *stage) plan(selection replay.Selection) *replay.Report {
	s.Helper()
	plan, err := s.redriver(sink.Hooks{}).Plan(s.Context(), selection)
	s.must(err)
	return plan.Report()
}

// redrive plans and executes.
func (s *stage) redrive(selection replay.Selection) *replay.Report {
	s.Helper()
	r := s.redriver(sink.Hooks{})
	plan, err := r.Plan(s.Context(), selection)
	s.must(err)
	report, err := r.Redrive(s.Context(), plan)
	s.must(err)
	if !report.Executed || !report.Complete {
		s.Errorf("the report says executed %v, complete %v", report.Executed, report.Complete)
	}
	return report
}

// wantGroups compares a report, each group as one line: reason, letters, then
// what is not zero.
func (s *stage) wantGroups(r *replay.Report, want ...string) {
	s.Helper()
	var got []string
	var open uint64
	for _, g := range r.Groups {
		line := fmt.Sprintf("%s %d", g.Reason, g.Letters)
		for _, n := range []struct {
			name  string
			count uint64
		}{{"stored", g.Stored}, {"filtered", g.Filtered}, {"skipped", g.Skipped}, {"elsewhere", g.Elsewhere},
			{"failed", g.Failed}, {"gone", g.Gone}, {"unread", g.Unread}} {
			if n.count > 0 {
				line += fmt.Sprintf(" %s=%d", n.name, n.count)
			}
		}
		got = append(got, line)
		open += g.Failed + g.Gone + g.Unread
		if g.Topic != s.topic {
			s.Errorf("a group of topic %q", g.Topic)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if r.Open != open {
		s.Errorf("the report has %d open, its groups %d", r.Open, open)
	}
}

func (s *stage) wantGone(r *replay.Report, want ...replay.Gone) {
	s.Helper()
	if fmt.Sprint(r.Gone) != fmt.Sprint(want) {
		s.Errorf("gone: got %v, want %v", r.Gone, want)
	}
}

// is fails unless the query's single row is this, as ClickHouse prints a tuple.
func (s *stage) is(query, want string) {
	s.Helper()
	var got string
	if err := s.analyst.QueryRow(s.Context(), "SELECT toString(tuple(*)) FROM ("+query+")").Scan(&got); err != nil {
		s.Fatalf("%s: %v", query, err)
	}
	if got != want {
		s.Errorf("%s\ngot  %s\nwant %s", query, got, want)
	}
}

func (s *stage) exec(statement string) {
	s.Helper()
	if err := s.analyst.Exec(s.Context(), statement); err != nil {
		s.Fatalf("%s: %v", statement, err)
	}
}

// deleteBefore is retention at work on one partition.
func (s *stage) deleteBefore(partition int32, offset int64) {
	s.Helper()
	var to kadm.Offsets
	to.Add(kadm.Offset{Topic: s.topic, Partition: partition, At: offset})
	responses, err := s.admin.DeleteRecords(s.Context(), to)
	if err == nil {
		err = responses.Error()
	}
	s.must(err)
}

func (s *stage) at(partition int32, offset int64) schemas.Coordinates {
	return schemas.Coordinates{Name: s.topic, Partition: partition, Offset: offset}
}
