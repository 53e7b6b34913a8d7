package window_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// onFirstChunk calls do once, when the first chunk is durable.
func onFirstChunk(do func()) sink.Hooks {
	var once atomic.Bool
	return sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
		if at == sink.LedgerTable && once.CompareAndSwap(false, true) {
			do()
		}
	}}
}

// TestExecute_RetentionMeanwhile removes messages that were planned and are not read yet.
// Their rows stay, the job counts them, and has nothing left to do.
func TestExecute_RetentionMeanwhile(t *testing.T) {
	tier.Full(t, "sends large messages")
	e := newEnv(t, "native")
	var values []string
	for i := range 40 { // each is a fetch of its own
		values = append(values, message(fmt.Sprint("s", i), recordTime(i).Format("2006-01-02 15:04:05"), "Renewed", `"padding":"`+strings.Repeat("x", 3000)+`"`))
	}
	for _, value := range values {
		e.send(0, value)
	}
	e.Ingest()
	e.Settings.Transform.SourceTimezone = "Europe/Berlin"
	e.Settings.Batch.MaxRows, e.Settings.Kafka.FetchMaxBytes = 5, 1<<10
	r := e.replayer(onFirstChunk(func() { e.DeleteBefore(0, 38) }))
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	j, err := r.Execute(t.Context(), plan)
	e.Must(err)
	lost := j.Counts[window.Removed]
	if j.State != job.Complete || lost == 0 || j.Counts[job.Messages]+lost != 40 || j.Counts[job.Progress] != 40 {
		t.Errorf("got %+v", j)
	}
	e.is("SELECT count(), uniqExact(subscription_id) FROM subscription_events FINAL", "(40,40)")
	e.is("SELECT countIf(source_offset >= 38), countIf(toHour(event_timestamp) = (toHour(event_timestamp) + 0)) FROM (SELECT * FROM subscription_events FINAL WHERE source_offset >= 38)", "(2,2)")
	e.is("SELECT sum(next_offset - start_offset) FROM ingest_ledger WHERE kind = 'replay' AND cause = 'retention'", fmt.Sprintf("(%d)", lost))

	after := e.fingerprint()
	e.replay(e.everything(), window.Limits{})
	if e.fingerprint() != after {
		t.Error("another replay has changed what Kafka no longer has")
	}
}

// TestExecute_SuccessorGone has an event that two messages gave. The newer one gives
// another now, and the older one, whose row was merged away, leaves Kafka in the last
// moment: then the row stays, and the job says so.
func TestExecute_SuccessorGone(t *testing.T) {
	tier.Full(t, "merges the table")
	for name, gone := range map[string]bool{"there": false, "gone": true} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, "native")
			// The older delivery has the instant with an offset, the newer one as local time.
			e.send(0, message("a", "2025-06-15T12:00:00Z", "Renewed", `"term_name":"older"`))
			e.send(1, message("b", "2025-06-15T12:00:00Z", "Renewed"), message("a", "2025-06-15 12:00:00", "Renewed", `"term_name":"newer"`))
			e.Ingest()
			e.Exec("OPTIMIZE TABLE subscription_events FINAL")
			e.is("SELECT count() FROM subscription_events", "(2)")
			e.Settings.Transform.SourceTimezone = "Europe/Berlin"
			e.Settings.Batch.MaxRows = 1
			hooks := sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
				if at == sink.ClaimsTable && gone {
					e.DeleteBefore(0, 1)
				}
			}}
			r := e.replayer(hooks)
			w := e.everything()
			plan, err := r.Plan(t.Context(), w, window.Limits{})
			e.Must(err)
			j, err := r.Execute(t.Context(), plan)
			e.Must(err)
			if gone {
				e.is("SELECT groupArray(term_name) FROM subscription_events FINAL WHERE subscription_id = 'a' AND event_timestamp = toDateTime64('2025-06-15 12:00:00', 3, 'UTC')", "(['newer'])")
			} else {
				e.is("SELECT groupArray((term_name, source_partition, source_offset)) FROM subscription_events FINAL WHERE subscription_id = 'a' AND event_timestamp = toDateTime64('2025-06-15 12:00:00', 3, 'UTC')", "([('older',0,0)])")
			}
			if kept := j.Counts[window.Kept] > 0; kept != gone {
				t.Errorf("kept %v: %v", kept, j.Counts)
			}
			e.is("SELECT groupArray((term_name, toString(event_timestamp))) FROM (SELECT * FROM subscription_events FINAL WHERE subscription_id = 'a' AND toHour(event_timestamp) = 10)", "([('newer','2025-06-15 10:00:00.000')])")
		})
	}
}

// TestTopicRecreated has a topic that is recreated before the plan, during the job, and
// between the job and its continuation.
func TestTopicRecreated(t *testing.T) {
	tier.Full(t, "recreates a topic")
	t.Run("before the plan", func(t *testing.T) {
		e := newEnv(t, "native")
		e.local(10)
		e.DeleteTopic()
		e.CreateTopic()
		_, err := e.replayer(sink.Hooks{}).Plan(t.Context(), e.everything(), window.Limits{})
		if err == nil || !strings.Contains(err.Error(), " was recreated") || !strings.Contains(err.Error(), "consumer.on_data_loss=continue") {
			t.Errorf("got %v", err)
		}
		// Accepted by a consumer, its offsets are of another epoch.
		e.sent = [testbed.Partitions]int{}
		e.send(0, message("new", "2025-06-15 12:00:00", "Renewed"))
		e.Settings.Consumer.OnDataLoss, e.Settings.Transform.SourceTimezone = "continue", "UTC"
		e.Ingest()
		e.Settings.Transform.SourceTimezone = "Asia/Tokyo"
		j := e.replay(e.everything(), window.Limits{})
		e.wantCounts(j.Counts, "messages=1 stored=1 moved=1")
		e.is("SELECT groupArray((subscription_id, source_epoch, toString(event_timestamp))) FROM subscription_events FINAL WHERE source_epoch = 1", "([('new',1,'2025-06-15 03:00:00.000')])")
		e.is("SELECT count() FROM subscription_events FINAL WHERE source_epoch = 0", "(10)")
	})
	recreate := func(e *env) {
		e.DeleteTopic()
		e.CreateTopic()
		e.sent = [testbed.Partitions]int{1000, 1000}
		for p := range int32(2) {
			for range 60 {
				e.send(p, message("other", "2025-06-15 12:00:00", "Expired"))
			}
		}
	}
	t.Run("during the job", func(t *testing.T) {
		e := newEnv(t, "native")
		e.local(40)
		e.Settings.Batch.MaxRows, e.Settings.Kafka.FetchMaxBytes = 2, 1<<10
		e.timeout = 3 * time.Second // Kafka has no such topic for a moment
		r := e.replayer(onFirstChunk(func() { recreate(e) }))
		plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
		e.Must(err)
		j, err := r.Execute(t.Context(), plan)
		if err == nil || j.State != job.Failed || !errors.Is(err, kafkalog.ErrRecreated) && !errors.Is(err, kafkalog.ErrTimeout) {
			t.Errorf("got %v, %+v", err, j)
		}
		e.is("SELECT countIf(subscription_id = 'other'), uniqExact(subscription_id) FROM subscription_events FINAL", "(0,40)")
		e.timeout = patience
		_, err = e.replayer(sink.Hooks{}).Resume(t.Context(), j.ID, nil)
		if !errors.Is(err, kafkalog.ErrRecreated) || !strings.Contains(err.Error(), "cancel the job and plan a new one") {
			t.Errorf("resumed: %v", err)
		}
		e.is("SELECT countIf(subscription_id = 'other') FROM subscription_events FINAL", "(0)")
	})
	t.Run("a database that no consumer has written", func(t *testing.T) {
		e := newEnv(t, "native")
		e.send(0, "{")
		for p := range int32(2) {
			for i := range 30 {
				e.send(p, message(fmt.Sprint("s", p, "-", i), "2025-06-15 12:00:00", "Renewed"))
			}
		}
		e.Settings.Batch.MaxRows, e.Settings.Kafka.FetchMaxBytes = 2, 1<<10
		limit := uint64(0)
		ctx := t.Context()
		r := e.replayer(sink.Hooks{})
		plan, err := r.Plan(ctx, e.everything(), window.Limits{MaxErrors: &limit})
		e.Must(err)
		j, err := r.Execute(ctx, plan)
		if !errors.Is(err, job.ErrTooManyErrors) {
			t.Fatalf("got %v", err)
		}
		recreate(e)
		if _, err = r.Resume(ctx, j.ID, nil); !errors.Is(err, kafkalog.ErrRecreated) {
			t.Errorf("resumed: %v", err)
		}
		e.is("SELECT countIf(subscription_id = 'other') FROM subscription_events FINAL", "(0)")
	})
}

// TestTransactions has an open transaction: the window ends before it, the job does not
// wait for it, and the next plan has what it committed.
func TestTransactions(t *testing.T) {
	tier.Full(t, "writes transactions")
	e := newEnv(t, "native")
	client, err := kgo.NewClient(kgo.SeedBrokers(e.Services.Kafka.Addr()), kgo.TransactionalID(e.Topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	e.Must(err)
	defer client.Close()
	begin := func(id string) {
		e.Must(client.BeginTransaction())
		e.Must(client.ProduceSync(t.Context(), &kgo.Record{Topic: e.Topic, Partition: 0, Timestamp: recordTime(0), Value: []byte(message(id, "2025-06-15T12:00:00Z", "Renewed"))}).FirstErr())
	}
	begin("aborted")
	e.Must(client.EndTransaction(t.Context(), kgo.TryAbort)) // offsets 0 and 1
	begin("committed")
	e.Must(client.EndTransaction(t.Context(), kgo.TryCommit)) // offsets 2 and 3
	begin("open")                                             // offset 4
	e.send(0, message("behind", "2025-06-15T12:00:00Z", "Renewed"))
	r := e.replayer(sink.Hooks{})
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	if p := plan.Partitions[0]; p.From != 0 || p.To != 4 || p.LastStable != 4 || p.LogEnd != 6 || !strings.Contains(strings.Join(plan.Notes, "\n"), "/0 from offset 4 (2 offsets); plan again when it has ended") {
		t.Errorf("got %+v, %q", p, plan.Notes)
	}
	j, err := r.Execute(t.Context(), plan)
	e.Must(err)
	e.wantCounts(j.Counts, "messages=1 stored=1 added=1")
	e.is("SELECT groupArray(subscription_id) FROM subscription_events FINAL", "(['committed'])")

	e.Must(client.EndTransaction(t.Context(), kgo.TryCommit))
	e.wantCounts(e.replay(e.everything(), window.Limits{}).Counts, "messages=3 stored=3 unchanged=1 added=2")
}
