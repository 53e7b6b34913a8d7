package window_test

import (
	"testing"

	"github.com/pianola/pianola/internal/replay/window"
)

const (
	events = "SELECT groupArray((subscription_id, toString(event_timestamp), subscription_action, term_name)) FROM (SELECT * FROM subscription_events FINAL ORDER BY subscription_id, event_timestamp, subscription_action)"
	open   = "SELECT groupArray((source_partition, source_offset, reason)) FROM (SELECT * FROM dead_letters FINAL WHERE resolved_at IS NULL ORDER BY source_partition, source_offset)"
)

// Every kind of change in one window: the dry run counts what the execution then does, and
// after that nothing is left to do.
func TestExecute_EveryChange(t *testing.T) {
	for _, protocol := range []string{"native", "http"} {
		t.Run(protocol, func(t *testing.T) {
			e := newEnv(t, protocol)
			e.send(0,
				message("moved", "2025-06-15 12:00:00", "Renewed"),
				message("same", "2025-06-15T12:00:00Z", "Renewed"),
				message("synonym", "2025-06-15T12:00:00Z", "Paused"),
				message("refused", "2025-06-15T12:00:00Z", "Renewed", `"what":"x"`, `"term_name":"a"`),
				`{"subscription_id":"passes","at":"2025-06-15T12:00:00Z","subscription_action":"Renewed"}`)
			e.send(1,
				message("internal", "2025-06-15T12:00:00Z", "Renewed", `"user_id":"tester"`),
				message("external", "2025-06-15T12:00:00Z", "Renewed", `"user_id":"guest"`),
				`{"subscription_id":"hopeless"`, "")
			e.Settings.Transform.InternalUserIDs = []string{"guest"}
			e.Ingest()
			e.is(events, "([('internal','2025-06-15 12:00:00.000','Renewed',NULL),('moved','2025-06-15 12:00:00.000','Renewed',NULL),('refused','2025-06-15 12:00:00.000','Renewed','a'),('same','2025-06-15 12:00:00.000','Renewed',NULL),('synonym','2025-06-15 12:00:00.000','Paused',NULL)])")

			e.Settings.Transform.InternalUserIDs = []string{"tester"}
			e.Settings.Transform.SourceTimezone = "Europe/Berlin"
			e.Settings.Transform.ActionSynonyms = map[string]string{"paused": "Canceled"}
			e.Settings.Transform.FieldAliases = map[string]string{"at": "event_timestamp", "what": "term_name"}
			const want = "messages=9 stored=5 filtered=1 dead_lettered=2 skipped=1 unchanged=3 moved=2 to_dead_letter=1 from_dead_letter=1 to_filtered=1 from_filtered=1"
			before := e.fingerprint()
			e.wantCounts(of(e.compare(e.everything(), window.Limits{})), want)
			if after := e.fingerprint(); after != before {
				t.Error("the dry run has changed the tables")
			}
			e.is("SELECT count() FROM replay_jobs", "(0)")

			j := e.replay(e.everything(), window.Limits{})
			e.wantCounts(j.Counts, want+" new_dead_letters=1")
			e.is(events, "([('external','2025-06-15 12:00:00.000','Renewed',NULL),('moved','2025-06-15 10:00:00.000','Renewed',NULL),('passes','2025-06-15 12:00:00.000','Renewed',NULL),('same','2025-06-15 12:00:00.000','Renewed',NULL),('synonym','2025-06-15 12:00:00.000','Canceled',NULL)])")
			e.is(open, "([(0,3,'duplicate_field'),(1,2,'invalid_json')])")
			e.is("SELECT groupArray(subscription_id) FROM internal_subscriptions", "(['internal'])")
			e.is("SELECT count() FROM replay_claims", "(0)")

			after := e.fingerprint()
			e.wantCounts(of(e.compare(e.everything(), window.Limits{})), "messages=9 stored=5 filtered=1 dead_lettered=2 skipped=1 unchanged=9")
			again := e.replay(e.everything(), window.Limits{})
			e.wantCounts(again.Counts, "messages=9 stored=5 filtered=1 dead_lettered=2 skipped=1 unchanged=9")
			if e.fingerprint() != after {
				t.Error("the repetition has changed the tables")
			}
		})
	}
}

// TestExecute_FilteredToDeadLetter: a dead letter says nothing about its user, so the
// subscription stays internal until its next stored event (contract §2, stage 3).
func TestExecute_FilteredToDeadLetter(t *testing.T) {
	e := newEnv(t, "native")
	e.send(0,
		message("s", "2025-06-15T12:00:00Z", "Created"),
		message("s", "2025-06-16T12:00:00Z", "Renewed", `"user_id":"tester","what":"x","term_name":"a"`))
	e.Settings.Transform.InternalUserIDs = []string{"tester"}
	e.Ingest()
	e.is("SELECT groupArray(subscription_id) FROM internal_subscriptions", "(['s'])")
	e.Settings.Transform.FieldAliases = map[string]string{"what": "term_name"} // then the field is there twice
	e.wantCounts(e.replay(e.everything(), window.Limits{}).Counts, "messages=2 stored=1 dead_lettered=1 unchanged=1 added_dead_letter=1 new_dead_letters=1")
	e.is("SELECT groupArray(subscription_id) FROM internal_subscriptions", "(['s'])")
	e.send(0, message("s", "2025-06-17T12:00:00Z", "Renewed"))
	e.Ingest()
	e.is("SELECT groupArray(subscription_id) FROM internal_subscriptions", "([])")
}
