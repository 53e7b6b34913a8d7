package deadletters_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestRedrive_RulesChanged has messages that pass under today's rules, one that
// is filtered under them, and one that still fails; then the same again.
func TestRedrive_RulesChanged(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			s := newEnv(t, protocol)
			s.send(0, good("a"), aliased("b"), hopeless, good("c"), aliased("d"))
			s.send(1, internal("e"), aliased("f"))
			s.Ingest()
			s.is("SELECT count(), countIf(attempts = 1 AND resolved_at IS NULL) FROM dead_letters FINAL", "(5,5)")
			const ledger = "SELECT count(), sum(messages), sum(stored), sum(dead_lettered) FROM ingest_ledger"
			var flushes, messages, stored, refused uint64
			s.Must(s.Analyst.QueryRow(t.Context(), ledger).Scan(&flushes, &messages, &stored, &refused))

			s.alias()
			s.wantGroups(s.plan(deadletters.Selection{}), "invalid_json 1", "missing_field 4")
			s.is("SELECT count(), countIf(resolved_at IS NULL) FROM dead_letters", "(5,5)")

			s.wantGroups(s.redrive(deadletters.Selection{}), "invalid_json 1 failed=1", "missing_field 4 stored=3 filtered=1")
			if got := s.steps["redrive dead letters"]; got.Done != 5 || got.Total != 5 {
				t.Errorf("progress: got %+v, want 5 of 5", got)
			}
			s.is("SELECT groupArray((subscription_id, source, source_epoch, source_partition, source_offset, version)) FROM "+
				"(SELECT * FROM subscription_events FINAL WHERE subscription_id IN ('b', 'd', 'f') ORDER BY subscription_id)",
				fmt.Sprintf("([('b','kafka',0,0,1,%d),('d','kafka',0,0,4,%d),('f','kafka',0,1,1,%d)])",
					version(1), version(4), version(1)))
			s.is("SELECT groupArray(subscription_id) FROM filtered_subscriptions FINAL", "(['e'])")
			s.is("SELECT groupArray((source_partition, source_offset, attempts)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL)", "([(0,2,2)])")
			s.is("SELECT countIf(resolved_at = decided_at AND attempts = 1) FROM dead_letters FINAL WHERE resolved_at IS NOT NULL", "(4)")
			s.is("SELECT count(), uniqExact(payload_sha256), uniqExact(message_time) FROM dead_letters WHERE source_partition = 0 AND source_offset = 2", "(2,1,1)")

			s.wantGroups(s.redrive(deadletters.Selection{}), "invalid_json 1 failed=1")
			s.is("SELECT groupArray((source_partition, source_offset, attempts)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL)", "([(0,2,3)])")
			s.is("SELECT count(), uniqExact(subscription_id) FROM piano_subscriber_event_stream", "(5,5)")
			s.is(ledger, fmt.Sprintf("(%d,%d,%d,%d)", flushes, messages, stored, refused))
		})
	}
}

func version(offset int) uint64 {
	return schemas.KafkaVersion(schemas.Millis(recordTime(offset).UnixMilli()), int64(offset))
}

// TestRedrive_LaterCorrectionStays redrives an old delivery of an event that was
// corrected later: readers continue to see the correction.
func TestRedrive_LaterCorrectionStays(t *testing.T) {
	s := newEnv(t, "native")
	s.send(0, `{"subscription_id":"a","what":1750000000,"subscription_action":"Renewed","term_name":"old"}`,
		`{"subscription_id":"a","event_timestamp":1750000000,"subscription_action":"Renewed","term_name":"corrected"}`)
	s.Ingest()
	s.alias()
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 1 stored=1")
	s.is("SELECT groupArray(term_name) FROM piano_subscriber_event_stream", "(['corrected'])")
}

// TestRedrive_AfterAReplayMovedTheEvent redrives a message whose event has a delete marker:
// a later delivery gave it, until a replay moved that one. Now only this message gives it.
func TestRedrive_AfterAReplayMovedTheEvent(t *testing.T) {
	s := newEnv(t, "native")
	s.send(0, aliased("a"), good("a"))
	s.Ingest()
	s.Must(s.Analyst.Exec(t.Context(), `INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, version, synced_at,
			source, source_name, source_epoch, source_partition, source_offset, is_deleted)
		SELECT event_id, subscription_id, event_timestamp, subscription_action, version, synced_at + 1, source, source_name, source_epoch, source_partition, source_offset, 1
		FROM subscription_events`))
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(0)")
	s.alias()
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 1 stored=1")
	s.is("SELECT groupArray((source_offset, version)) FROM subscription_events FINAL", fmt.Sprintf("([(0,%d)])", version(1)))
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(1)")
}

func TestRedrive_Selection(t *testing.T) {
	s := newEnv(t, "native")
	s.send(0, aliased("a"), hopeless, aliased("b"))
	s.send(1, aliased("c"), `{"subscription_id":"d","event_timestamp":"soon","subscription_action":"Renewed"}`)
	s.Ingest()
	for name, c := range map[string]struct {
		selection deadletters.Selection
		want      []string
	}{
		"reason":                 {deadletters.Selection{Reason: "invalid_json"}, []string{"invalid_json 1"}},
		"field":                  {deadletters.Selection{Field: "event_timestamp"}, []string{"invalid_timestamp 1", "missing_field 3"}},
		"topic":                  {deadletters.Selection{Topic: s.Topic}, []string{"invalid_json 1", "invalid_timestamp 1", "missing_field 3"}},
		"another topic":          {deadletters.Selection{Topic: `o'th\er`}, nil},
		"since now":              {deadletters.Selection{Since: time.Now().Add(time.Hour)}, nil},
		"since before":           {deadletters.Selection{Since: time.Now().Add(-time.Hour), Reason: "missing_field"}, []string{"missing_field 3"}},
		"coordinates":            {deadletters.Selection{At: []schemas.Coordinates{s.at(0, 2), s.at(1, 1), s.at(0, 1)}}, []string{"invalid_json 1", "invalid_timestamp 1", "missing_field 1"}},
		"coordinates and reason": {deadletters.Selection{At: []schemas.Coordinates{s.at(0, 2), s.at(1, 1)}, Reason: "missing_field"}, []string{"missing_field 1"}},
	} {
		t.Run(name, func(t *testing.T) { s.wantGroups(s.plan(c.selection), c.want...) })
	}
	s.alias()
	s.wantGroups(s.redrive(deadletters.Selection{At: []schemas.Coordinates{s.at(0, 2)}}), "missing_field 1 stored=1")
	s.is("SELECT groupArray((source_partition, source_offset)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NOT NULL)", "([(0,2)])")

	r := s.redriver(sink.Hooks{})
	if err := r.Known(t.Context(), []schemas.Coordinates{s.at(0, 2), s.at(0, 0)}); err != nil {
		t.Errorf("a resolved and an open one: %v", err)
	}
	if err := r.Known(t.Context(), []schemas.Coordinates{s.at(0, 2), s.at(0, 7)}); !errors.Is(err, deadletters.ErrUnknown) || !strings.Contains(err.Error(), s.Topic+"/0/7") {
		t.Errorf("one that is not there: %v", err)
	}
}

// TestRedrive_Refused has more rows than a flush would let ClickHouse refuse:
// they stay open, can still be recognised, and pass once the constraint is gone.
func TestRedrive_Refused(t *testing.T) {
	tier.Full(t, "redrives many times")
	s := newEnv(t, "native")
	var values []string
	for i := range 150 {
		values = append(values, aliased(fmt.Sprint("s", i)))
	}
	s.send(0, values...)
	s.Ingest()
	s.alias()
	s.Exec("ALTER TABLE subscription_events ADD CONSTRAINT none CHECK subscription_id = 's7'")
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 150 stored=1 failed=149")
	s.is("SELECT count(), countIf(attempts = 2), countIf(length(payload_sha256) = 64) FROM dead_letters FINAL WHERE resolved_at IS NULL AND reason = 'rejected_by_server'", "(149,149,149)")

	s.Exec("ALTER TABLE subscription_events DROP CONSTRAINT none")
	s.wantGroups(s.redrive(deadletters.Selection{Reason: "rejected_by_server"}), "rejected_by_server 149 stored=149")
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(150)")
	s.is("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL", "(0)")
}

// TestRedrive_RefusedByAConsumer redrives dead letters without a hash: the
// record's timestamp is what they are known by.
func TestRedrive_RefusedByAConsumer(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := newEnv(t, "native")
	s.Exec("ALTER TABLE subscription_events ADD CONSTRAINT none CHECK subscription_id != 'b'")
	s.send(0, good("a"), good("b"))
	s.Ingest()
	s.is("SELECT groupArray((reason, payload_sha256)) FROM (SELECT * FROM dead_letters FINAL)", "([('rejected_by_server',NULL)])")
	s.Exec("ALTER TABLE subscription_events DROP CONSTRAINT none")
	s.wantGroups(s.redrive(deadletters.Selection{}), "rejected_by_server 1 stored=1")
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(2)")
}

// TestRedrive_Interrupted ends between the row and the resolution: the row is
// there, its dead letter is open, and the same again mends it.
func TestRedrive_Interrupted(t *testing.T) {
	tier.Full(t, "interrupts after each step")
	for _, table := range []string{sink.EventsTable, sink.FilteredTable, sink.DeadLettersTable} {
		t.Run("after_"+table, func(t *testing.T) {
			s := newEnv(t, "native")
			s.send(0, aliased("a"), internal("b"), hopeless, aliased("c"))
			s.Ingest()
			s.alias()

			ctx, cancel := context.WithCancel(t.Context())
			r := s.redriver(sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
				if at == table {
					cancel()
				}
			}})
			plan, err := r.Plan(ctx, deadletters.Selection{})
			s.Must(err)
			report, err := r.Redrive(ctx, plan)
			if !errors.Is(err, context.Canceled) || report.Complete {
				t.Fatalf("got %v, complete %v", err, report.Complete)
			}
			s.wantGroups(report, "invalid_json 1 unread=1", "missing_field 3 unread=3")
			s.is("SELECT count() FROM subscription_events FINAL", "(2)")
			s.is("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL", "(4)")

			s.wantGroups(s.redrive(deadletters.Selection{}), "invalid_json 1 failed=1", "missing_field 3 stored=2 filtered=1")
			s.is("SELECT count() FROM piano_subscriber_event_stream", "(2)")
			s.is("SELECT groupArray(source_offset) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL)", "([2])")
		})
	}
}

// TestRedrive_Pages has more dead letters than a batch, and gaps wider than the
// cursor reads over.
func TestRedrive_Pages(t *testing.T) {
	tier.Full(t, "redrives many dead letters")
	s := newEnv(t, "native")
	var values []string
	for i := range 4500 {
		values = append(values, aliased(fmt.Sprint("s", i)))
	}
	for i := range 5000 {
		values = append(values, good(fmt.Sprint("g", i)))
	}
	s.send(0, append(values, aliased("last"))...)
	s.Ingest()
	s.alias()
	s.wantGroups(s.redrive(deadletters.Selection{}), "missing_field 4501 stored=4501")
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(9501)")
	s.is("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NULL", "(0)")
}

// TestRedrive_BesideAConsumer redrives again and again while a consumer with
// other rules reads new messages, and reads the old ones once more.
func TestRedrive_BesideAConsumer(t *testing.T) {
	tier.Full(t, "runs a consumer beside")
	s := newEnv(t, "native")
	var values []string
	for i := range 300 {
		values = append(values, aliased(fmt.Sprint("s", i)), good(fmt.Sprint("g", i)))
	}
	s.send(0, values...)
	s.Ingest()

	s.Settings.Kafka.Group += "_again" // reads all of it once more, under the old rules
	s.Settings.Batch.MaxRows = 50
	again := s.Serve()
	s.alias()
	for round := range 5 {
		s.send(1, aliased(fmt.Sprint("new", round)), good(fmt.Sprint("good", round)))
		s.redrive(deadletters.Selection{})
	}
	s.AwaitCommitted(again.Run)
	again.Drain()
	// The consumer's decisions are as good as ours: what it refused after us is
	// open again, beside its row.
	s.is("SELECT count() FROM dead_letters FINAL WHERE resolved_at IS NOT NULL AND (source_partition, source_offset) NOT IN "+
		"(SELECT source_partition, source_offset FROM subscription_events FINAL)", "(0)")
	s.redrive(deadletters.Selection{})
	s.is("SELECT count() FROM piano_subscriber_event_stream", "(610)")
	s.is("SELECT countIf(resolved_at IS NULL), count() FROM dead_letters FINAL", "(0,305)")
}

// TestRedrive_Privacy looks for the values of messages in everything that a redrive
// writes: the debug log, the report, the tables.
func TestRedrive_Privacy(t *testing.T) {
	const canary = "canary.person@example.org"
	s := newEnv(t, "native")
	s.send(0,
		`{"subscription_id":"`+canary+`","what":1750000000,"subscription_action":"Renewed","user_email":"`+canary+`"}`,
		`{"subscription_id":"`+canary+`","what":"`+canary+`","subscription_action":"Renewed"}`,
		`{"subscription_id":"refused","what":1750000000,"subscription_action":"Renewed","term_name":"`+canary+`"}`,
		`"`+canary)
	s.Ingest()
	s.alias()
	s.Exec("ALTER TABLE subscription_events ADD CONSTRAINT none CHECK subscription_id != 'refused'")
	core, logged := observer.New(zapcore.DebugLevel)
	r := s.redriverTelling(sink.Hooks{}, zap.New(core))
	plan, err := r.Plan(t.Context(), deadletters.Selection{})
	s.Must(err)
	report, err := r.Redrive(t.Context(), plan)
	s.Must(err)
	s.wantGroups(report, "invalid_json 1 failed=1", "missing_field 3 stored=1 failed=2")
	told, err := json.Marshal(report)
	s.Must(err)
	text := string(told)
	for _, entry := range logged.All() {
		text += fmt.Sprintln(entry.Message, entry.ContextMap())
	}
	if logged.Len() == 0 || strings.Contains(text, "canary") {
		t.Errorf("%d log lines; told:\n%s", logged.Len(), text)
	}
	for _, table := range []string{sink.EventsTable, sink.DeadLettersTable, sink.FilteredTable} {
		s.is("SELECT countIf(toString(tuple(*)) LIKE '%canary%') FROM "+table, "(0)")
	}
}
