package window_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestUnclaimed: a scan continues before the claims that a cut insert may have torn.
func TestUnclaimed(t *testing.T) {
	e := newEnv(t, "native")
	const last = 500_000
	run, err := e.jobs().Start(t.Context(), job.Spec{Source: schemas.SourceKafka, Plan: job.Plan{Ranges: []job.Range{
		{Name: e.Topic, Partition: 0, From: 7, To: last},
		{Name: e.Topic, Partition: 1, From: 7, To: last},
		{Name: e.Topic, Partition: 2, From: 7, To: last},
	}}})
	e.Must(err)
	claim := func(partition int, offsets string) {
		e.Exec(fmt.Sprintf(`INSERT INTO replay_claims (job_id, source_name, source_partition, source_offset)
			SELECT '%s', '%s', %d, %s`, run.ID(), e.Topic, partition, offsets))
	}
	claim(0, "arrayJoin(range(10, 400000))")
	claim(0, "arrayJoin(range(390000, 400000))") // once more, by an earlier run that continued
	claim(1, "arrayJoin(range(20, 60))")
	rest, err := e.replayer(sink.Hooks{}).Unclaimed(t.Context(), run)
	e.Must(err)
	want := []job.Range{
		{Name: e.Topic, Partition: 0, From: 400_000 - window.MaxTorn, To: last},
		{Name: e.Topic, Partition: 1, From: 7, To: last},
		{Name: e.Topic, Partition: 2, From: 7, To: last},
	}
	if !slices.Equal(rest, want) {
		t.Errorf("got  %v\nwant %v", rest, want)
	}
	_, err = run.Finish(nil)
	e.Must(err)
}

// TestResume_TornClaims interrupts the scan, and removes a claim before its last one, as an
// insert that reached only some shards. The event that depends on it stays.
func TestResume_TornClaims(t *testing.T) {
	e := newEnv(t, "native")
	// The older delivery has the instant with an offset, the newer one as local time.
	e.send(0, message("a", "2025-06-15T12:00:00Z", "Renewed"), message("b", "2025-06-15T12:00:00Z", "Renewed"))
	e.send(1, message("b", "2025-06-15T13:00:00Z", "Renewed"), message("a", "2025-06-15 12:00:00", "Renewed"))
	e.Ingest()
	e.Exec("OPTIMIZE TABLE subscription_events FINAL")
	e.Settings.Transform.SourceTimezone = "Europe/Berlin"
	j := e.stoppedAt(sink.ClaimsTable)
	e.Exec("ALTER TABLE replay_claims DELETE WHERE source_partition = 0 AND source_offset = 0 SETTINGS mutations_sync = 2")
	e.Exec(fmt.Sprintf("INSERT INTO replay_claims (job_id, source_name, source_partition, source_offset) VALUES ('%s', '%s', 0, 1)", j.ID, e.Topic))
	_, err := e.replayer(sink.Hooks{}).Resume(t.Context(), j.ID, nil)
	e.Must(err)
	e.is("SELECT arraySort(groupArray((subscription_id, toString(event_timestamp)))) FROM subscription_events FINAL",
		"([('a','2025-06-15 10:00:00.000'),('a','2025-06-15 12:00:00.000'),('b','2025-06-15 12:00:00.000'),('b','2025-06-15 13:00:00.000')])")
}

// TestExecute_FilteredClaims: today two messages give other events, and the filter selects the
// one that departs. The other one takes over where readers do not see it otherwise, and
// stays as it is where they do, until it is replayed.
func TestExecute_FilteredClaims(t *testing.T) {
	const visible = "SELECT arraySort(groupArray((toHour(event_timestamp), subscription_action, source_partition))) FROM subscription_events FINAL"
	for name, c := range map[string]struct{ other, filtered, all string }{
		"other was hidden by it":      {"2025-06-15T12:00:00Z", "([(12,'Canceled',0),(12,'Expired',1)])", "([(12,'Canceled',0),(12,'Expired',1)])"},
		"other has another event yet": {"2025-06-15 14:00:00", "([(12,'Expired',1),(14,'Canceled',0)])", "([(12,'Canceled',0),(12,'Expired',1)])"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			e := newEnv(t, "native")
			e.send(0, message("s", c.other, "Canceled"))
			e.send(1, message("x", "2025-06-15T12:00:00Z", "Created"), message("s", "2025-06-15T12:00:00Z", "Given up"))
			e.Settings.Transform.ActionSynonyms = map[string]string{"Given up": "Canceled"}
			e.Ingest()
			e.Exec("OPTIMIZE TABLE subscription_events FINAL")
			e.Settings.Transform.ActionSynonyms = map[string]string{"Given up": "Expired"}
			e.Settings.Transform.SourceTimezone = "Europe/Berlin"
			j := e.replay(e.everything(), window.Limits{Filter: job.Filter{Actions: []string{"Expired"}}})
			e.wantCounts(j.Counts, "messages=1 stored=1 moved=1")
			e.is(visible+" WHERE subscription_id = 's'", c.filtered)
			e.replay(e.everything(), window.Limits{})
			e.is(visible+" WHERE subscription_id = 's'", c.all)
		})
	}
}
