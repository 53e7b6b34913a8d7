package window_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// TestExecute_BesideAConsumerAndAReader moves every event while a consumer with the new
// rules writes more of them, and a reader polls: it never misses an event.
func TestExecute_BesideAConsumerAndAReader(t *testing.T) {
	tier.Full(t, "polls while a job runs")
	e := newEnv(t, "native")
	e.local(600)
	e.Settings.Batch.MaxRows = 20
	live := e.Serve()
	reader := testbed.Go(t, func(ctx context.Context) error {
		for {
			var events, subscriptions uint64
			err := e.Analyst.QueryRow(context.WithoutCancel(ctx), "SELECT count(), uniqExact(subscription_id) FROM piano_subscriber_event_stream WHERE startsWith(subscription_id, 's')").Scan(&events, &subscriptions)
			if err != nil {
				return err
			}
			if subscriptions != 600 || events < 600 {
				return fmt.Errorf("a reader saw %d subscriptions in %d events", subscriptions, events)
			}
			if ctx.Err() != nil {
				return nil
			}
		}
	})
	r := e.replayer(sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
		if at == sink.LedgerTable { // the stream continues during each chunk
			e.send(2, message(fmt.Sprint("new", e.sent[2]), "2025-06-15 12:00:00", "Renewed"))
		}
	}})
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	j, err := r.Execute(t.Context(), plan)
	e.Must(err)
	reader.Drain()
	e.AwaitCommitted(live.Run)
	live.Drain()
	e.wantCounts(j.Counts, "messages=600 stored=600 moved=600")
	e.is("SELECT countIf(source_partition < 2), countIf(source_partition = 2) = "+fmt.Sprint(e.sent[2])+", uniqExact(subscription_id) - count() FROM subscription_events FINAL", "(600,1,0)")
	e.is("SELECT countIf(toHour(event_timestamp) = 10) FROM subscription_events FINAL WHERE source_partition = 2", fmt.Sprintf("(%d)", e.sent[2]))
}

// TestExecute_Filter leaves alone what the filter does not select: rows, dead letters and
// filtered ids.
func TestExecute_Filter(t *testing.T) {
	setUp := func(t *testing.T) *env {
		e := newEnv(t, "native")
		e.send(0,
			message("a", "2025-06-15 12:00:00", "Renewed"), message("a", "2025-06-15 12:00:00", "Paused"), message("b", "2025-06-15 12:00:00", "Renewed"),
			`{"subscription_id":"a","at":"2025-06-15 12:00:00","subscription_action":"Renewed"}`, `{"subscription_id":"b","at":"2025-06-15 12:00:00","subscription_action":"Expired"}`,
			message("a", "2025-06-15 13:00:00", "Renewed", `"user_id":"tester"`))
		e.Ingest()
		e.is(open, "([(0,3,'missing_field'),(0,4,'missing_field')])")
		e.Settings.Transform.SourceTimezone = "Europe/Berlin"
		e.Settings.Transform.ActionSynonyms = map[string]string{"paused": "Canceled"}
		e.Settings.Transform.FieldAliases = map[string]string{"at": "event_timestamp"}
		e.Settings.Transform.InternalUserIDs = []string{"tester"}
		return e
	}
	const short = "SELECT groupArray((subscription_id, toHour(event_timestamp), subscription_action)) FROM (SELECT * FROM subscription_events FINAL ORDER BY subscription_id, event_timestamp, subscription_action)"
	for name, c := range map[string]struct {
		filter                  job.Filter
		counts, events, filter2 string
		open                    string
	}{
		"action": {job.Filter{Actions: []string{"Renewed"}}, "messages=3 stored=3 moved=2 from_dead_letter=1",
			"([('a',10,'Renewed'),('a',12,'Paused'),('a',13,'Renewed'),('b',10,'Renewed')])", "([])", "([(0,4,'missing_field')])"},
		"subscription": {job.Filter{Subscriptions: []string{"a"}}, "messages=4 stored=3 filtered=1 moved=2 from_dead_letter=1 to_filtered=1",
			"([('a',10,'Canceled'),('a',10,'Renewed'),('b',12,'Renewed')])", "(['a'])", "([(0,4,'missing_field')])"},
		"both": {job.Filter{Actions: []string{"Canceled"}, Subscriptions: []string{"a", "b"}}, "messages=1 stored=1 moved=1",
			"([('a',10,'Canceled'),('a',12,'Renewed'),('a',13,'Renewed'),('b',12,'Renewed')])", "([])", "([(0,3,'missing_field'),(0,4,'missing_field')])"},
		"nothing": {job.Filter{Subscriptions: []string{"c"}}, "",
			"([('a',12,'Paused'),('a',12,'Renewed'),('a',13,'Renewed'),('b',12,'Renewed')])", "([])", "([(0,3,'missing_field'),(0,4,'missing_field')])"},
	} {
		t.Run(name, func(t *testing.T) {
			e := setUp(t)
			e.Settings.Batch.MaxRows = 4
			limits := window.Limits{Filter: c.filter}
			e.wantCounts(of(e.compare(e.everything(), limits)), c.counts)
			j := e.replay(e.everything(), limits)
			e.wantCounts(j.Counts, c.counts)
			if j.Counts[job.Progress] != 6 {
				t.Errorf("progress %d of 6", j.Counts[job.Progress])
			}
			e.is(short, c.events)
			e.is(open, c.open)
			e.is("SELECT groupArray(subscription_id) FROM filtered_subscriptions FINAL", c.filter2)
			if e.compare(e.everything(), limits).Any() {
				t.Error("a second replay would change something")
			}
		})
	}
}

// TestExecute_Rate reads slowly: its chunks are small, so that little is repeated after a kill.
func TestExecute_Rate(t *testing.T) {
	e := newEnv(t, "native")
	var values []string
	for i := range 60 {
		values = append(values, message(fmt.Sprint("s", i), "2025-06-15T12:00:00Z", "Renewed"))
	}
	e.send(0, values...)
	j := e.replay(e.everything(), window.Limits{Rate: 50})
	e.wantCounts(j.Counts, "messages=60 stored=60 added=60")
	e.is("SELECT max(messages) <= 500, sum(messages) FROM ingest_ledger WHERE kind = 'replay'", "(1,60)")
}

// TestExecute_IntoAnEmptyDatabase fills the tables of a database that no consumer writes.
func TestExecute_IntoAnEmptyDatabase(t *testing.T) {
	e := newEnv(t, "http")
	e.send(0, message("a", "2025-06-15T12:00:00Z", "Renewed"), message("a", "2025-06-15T12:00:00Z", "Renewed", `"term_name":"corrected"`), `{"broken`, "")
	e.send(1, message("b", "2025-06-15T12:00:00Z", "Renewed", `"is_internal_user":true`))
	e.wantCounts(e.replay(e.everything(), window.Limits{}).Counts,
		"messages=5 stored=2 filtered=1 dead_lettered=1 skipped=1 unchanged=2 superseded=1 added=1 added_dead_letter=1 new_dead_letters=1")
	e.is(events, "([('a','2025-06-15 12:00:00.000','Renewed','corrected')])")
	e.is(open, "([(0,2,'invalid_json')])")
	e.is("SELECT groupArray(subscription_id) FROM internal_subscriptions", "(['b'])")
	e.is("SELECT countIf(kind != 'replay') FROM ingest_ledger", "(0)")
	e.Ingest() // the consumer is not disturbed, and finds the same
	e.wantCounts(of(e.compare(e.everything(), window.Limits{})), "messages=5 stored=2 filtered=1 dead_lettered=1 skipped=1 unchanged=4 superseded=1")
}

// TestExecute_Privacy looks for the values of messages in everything that a replay shows:
// the debug log, the plan, the comparison, the record of the job.
func TestExecute_Privacy(t *testing.T) {
	const canary = "canary.person@example.org"
	e := newEnv(t, "native")
	e.send(0,
		message(canary, "2025-06-15 12:00:00", "Renewed", `"user_email":"`+canary+`","term_name":"`+canary+`"`),
		message("a", "2025-06-15 12:00:00", "Renewed", `"user_id":"`+canary+`"`),
		`"`+canary, message("b", canary, "Renewed"))
	e.Ingest()
	e.Settings.Transform.SourceTimezone = "Europe/Berlin"
	e.Settings.Transform.InternalUserIDs = []string{canary}
	core, logged := observer.New(zapcore.DebugLevel)
	r := e.replayerLogging(sink.Hooks{}, zap.New(core))
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	comparison, err := r.Compare(t.Context(), plan)
	e.Must(err)
	j, err := r.Execute(t.Context(), plan)
	e.Must(err)
	var text bytes.Buffer
	e.Must(json.NewEncoder(&text).Encode([]any{plan, comparison, j}))
	for _, entry := range logged.All() {
		fmt.Fprintln(&text, entry.Message, entry.ContextMap())
	}
	if logged.Len() == 0 || strings.Contains(text.String(), "canary") {
		t.Errorf("%d log lines: %s", logged.Len(), text.String())
	}
	for _, table := range []string{"subscription_events", "dead_letters", "filtered_subscriptions", "replay_jobs", "ingest_ledger"} {
		e.is("SELECT countIf(toString(tuple(*)) LIKE '%canary%') FROM "+table, "(0)")
	}
}
