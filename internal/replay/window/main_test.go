package window_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

const (
	never    = time.Hour        // as a heartbeat
	patience = 20 * time.Second // with Kafka
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// env is a testbed fixture without a world: the tests write their own messages.
type env struct {
	*testbed.Fixture
	sent      [testbed.Partitions]int // records
	heartbeat time.Duration
	timeout   time.Duration
}

func newEnv(t *testing.T, protocol string) *env {
	t.Helper()
	testbed.NoLeaks(t)
	return &env{Fixture: services.Fixture(t, testbed.Config{Protocol: protocol}), heartbeat: never, timeout: patience}
}

// recordTime is the timestamp of the record at an offset: one an hour.
func recordTime(offset int) time.Time {
	return time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC).Add(time.Duration(offset) * time.Hour)
}

// message is an event of a subscription at a local time, with further fields.
func message(id, at, action string, more ...string) string {
	text := fmt.Sprintf(`{"subscription_id":"%s","event_timestamp":"%s","subscription_action":"%s"`, id, at, action)
	for _, field := range more {
		text += "," + field
	}
	return text + "}"
}

// send produces values to a partition.
func (e *env) send(partition int32, values ...string) {
	e.Helper()
	records := make([]kafka.Record, len(values))
	for i, value := range values {
		records[i] = kafka.Record{Partition: partition, Value: []byte(value), Time: recordTime(e.sent[partition] + i)}
	}
	e.Produce(records...)
	e.sent[partition] += len(values)
}

// replayer is a process with the rules as they are now.
func (e *env) replayer(hooks sink.Hooks) *window.Replayer {
	e.Helper()
	return e.replayerLogging(hooks, zaptest.NewLogger(e, zaptest.Level(zap.ErrorLevel)))
}

func (e *env) replayerLogging(hooks sink.Hooks, log *zap.Logger) *window.Replayer {
	e.Helper()
	writer, err := sink.Open(e.Context(), e.Settings.SinkConfig(), log, hooks)
	e.Must(err)
	e.Cleanup(func() { _ = writer.Close() })
	rules, err := transform.New(e.Settings.TransformConfig())
	e.Must(err)
	return window.New(window.Deps{
		Kafka: e.Settings.ConsumerConfig(), Timeout: e.timeout, Patience: e.timeout, Rules: rules, InForce: job.RulesOf(e.Settings.TransformConfig(), "test"),
		Writer: writer, Conn: e.Analyst, Database: e.Topic, Jobs: e.jobs(),
		MaxRows: e.Settings.Batch.MaxRows, MaxBytes: int(e.Settings.Batch.MaxBytes), Now: time.Now, Log: log,
	})
}

func (e *env) jobs() *job.Store {
	e.Helper()
	conn, err := clickhouse.Open(e.Settings.ClickHouseOptions())
	e.Must(err)
	e.Cleanup(func() { _ = conn.Close() })
	return job.NewStore(job.Deps{Conn: conn, Database: e.Topic, Instance: "host", Heartbeat: e.heartbeat, Grace: 20 * time.Second, Now: time.Now, Log: zap.NewNop()})
}

// everything is a window of all messages.
func (e *env) everything() window.Window {
	return window.Window{Topics: []string{e.Topic}, From: time.Unix(1, 0)}
}

// compare plans and compares.
func (e *env) compare(w window.Window, l window.Limits) *job.Comparison {
	e.Helper()
	r := e.replayer(sink.Hooks{})
	plan, err := r.Plan(e.Context(), w, l)
	e.Must(err)
	c, err := r.Compare(e.Context(), plan)
	e.Must(err)
	return c
}

// replay plans and executes.
func (e *env) replay(w window.Window, l window.Limits) *job.Job {
	e.Helper()
	r := e.replayer(sink.Hooks{})
	plan, err := r.Plan(e.Context(), w, l)
	e.Must(err)
	j, err := r.Execute(e.Context(), plan)
	e.Must(err)
	if j.State != job.Complete {
		e.Errorf("the job is %s: %s", j.State, j.Problem)
	}
	return j
}

// stoppedAt replays everything and interrupts it at the first insert into a table. The
// error says how to resume the job.
func (e *env) stoppedAt(table string) *job.Job {
	e.Helper()
	ctx, interrupt := context.WithCancel(e.Context())
	defer interrupt()
	r := e.replayer(sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
		if at == table {
			interrupt()
		}
	}})
	plan, err := r.Plan(ctx, e.everything(), window.Limits{})
	e.Must(err)
	j, err := r.Execute(ctx, plan)
	if !errors.As(err, new(*job.StoppedError)) || j.State != job.Stopped || !strings.Contains(err.Error(), "pianola replay resume "+j.ID) {
		e.Fatalf("got %v, %+v", err, j)
	}
	return j
}

// wantCounts compares counts that are not zero, with the changes by their names.
func (e *env) wantCounts(counts job.Counts, want string) {
	e.Helper()
	var got []string
	for _, name := range []string{job.Messages, job.Stored, job.Filtered, job.DeadLettered, job.Skipped,
		string(sink.Unchanged), string(sink.Superseded), string(sink.Added), string(sink.Restored), string(sink.Altered), string(sink.Moved), string(sink.ToDeadLetter), string(sink.FromDeadLetter),
		string(sink.ToFiltered), string(sink.FromFiltered), string(sink.AddedDeadLetter), string(sink.AlteredLetter), string(sink.ResolvedDropped),
		job.NewDeadLetters, window.Removed, window.Kept} {
		if counts[name] > 0 {
			got = append(got, fmt.Sprintf("%s=%d", name, counts[name]))
		}
	}
	if text := strings.Join(got, " "); text != want {
		e.Errorf("got  %s\nwant %s", text, want)
	}
}

// of are the counts of a comparison, as a job has them.
func of(c *job.Comparison) job.Counts {
	counts := job.Counts{}
	counts.Add(c.Counts)
	for change, n := range c.Changes {
		counts[string(change)] += n
	}
	return counts
}

// is fails unless the query's single row is this, as ClickHouse prints a tuple.
func (e *env) is(query, want string) {
	e.Helper()
	var got string
	e.One("SELECT toString(tuple(*)) FROM ("+query+")", &got)
	if got != want {
		e.Errorf("%s\ngot  %s\nwant %s", query, got, want)
	}
}

// fingerprint identifies everything that readers of the tables see.
func (e *env) fingerprint() (text string) {
	e.Helper()
	for _, query := range []string{
		"SELECT toString(groupBitXor(cityHash64(toString(tuple(*))))) FROM subscription_events FINAL",
		"SELECT toString(groupBitXor(cityHash64(toString(tuple(* EXCEPT (decided_at, attempts, resolved_at), resolved_at IS NULL))))) FROM dead_letters FINAL",
		"SELECT toString(groupBitXor(cityHash64(subscription_id))) FROM internal_subscriptions",
	} {
		var one string
		e.One(query, &one)
		text += one + " "
	}
	return text
}
