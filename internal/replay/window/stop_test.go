package window_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/window"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// local sends n messages with local times to partitions 0 and 1, and ingests them in UTC.
// From then on the zone is Berlin's, so that every event moves.
func (e *env) local(n int) {
	e.Helper()
	for p := range int32(2) {
		var values []string
		for i := range n / 2 {
			values = append(values, message(fmt.Sprintf("s%d-%d", p, i), recordTime(i).Format("2006-01-02 15:04:05"), "Renewed"))
		}
		e.send(p, values...)
	}
	e.Ingest()
	e.Settings.Transform.SourceTimezone = "Europe/Berlin"
}

// moved is how many events are where the zone of Berlin puts them, and how many readers see.
const moved = "SELECT countIf(source_offset = dateDiff('hour', toDateTime64('2025-06-15 10:00:00', 3, 'UTC'), event_timestamp)), count(), uniqExact(subscription_id) FROM subscription_events FINAL"

// TestExecute_Interrupted ends the context after each kind of write. The chunk becomes
// durable all the same, the error says how to resume, and the rest follows later.
func TestExecute_Interrupted(t *testing.T) {
	tier.Full(t, "interrupts after each step")
	for _, table := range []string{sink.EventsTable, sink.LedgerTable, sink.ClaimsTable} {
		t.Run("after_"+table, func(t *testing.T) {
			e := newEnv(t, "native")
			e.local(100)
			e.Settings.Batch.MaxRows = 7
			j := e.stoppedAt(table)
			if table != sink.ClaimsTable && j.Counts[job.Messages] == 0 {
				t.Error("the chunk did not become durable")
			}
			if j.Counts[job.Messages] > 30 {
				t.Errorf("it continued for %d messages", j.Counts[job.Messages])
			}
			var before int64
			e.One("SELECT toInt64(uniqExact(subscription_id)) FROM subscription_events FINAL", &before)
			if before != 100 {
				t.Errorf("readers see %d subscriptions", before)
			}
			done, err := e.replayer(sink.Hooks{}).Resume(t.Context(), j.ID, nil)
			e.Must(err)
			e.is(moved, "(100,100,100)")
			e.wantCounts(done.Counts, "messages=100 stored=100 moved=100")
			e.is("SELECT count(), sum(messages), uniqExact(start_offset, source_partition) FROM ingest_ledger WHERE kind = 'replay'", fmt.Sprintf("(%d,100,%d)", 16, 16))
		})
	}
}

// TestExecute_Canceled cancels from elsewhere while the job runs.
func TestExecute_Canceled(t *testing.T) {
	e := newEnv(t, "native")
	e.local(60)
	e.Settings.Batch.MaxRows = 5
	store := e.jobs()
	var once atomic.Bool
	r := e.replayer(sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
		if at == sink.LedgerTable && once.CompareAndSwap(false, true) {
			all, err := store.List(t.Context())
			if err == nil {
				_, err = store.Cancel(t.Context(), all[0].ID)
			}
			if err != nil {
				t.Error(err)
			}
		}
	}})
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	j, err := r.Execute(t.Context(), plan)
	if !errors.Is(err, job.ErrCanceled) || j.State != job.Canceled || j.Counts[job.Messages] == 0 || j.Counts[job.Messages] > 20 {
		t.Errorf("got %v, %+v", err, j)
	}
	e.is("SELECT count() FROM replay_claims", "(0)")
	if _, err := r.Resume(t.Context(), j.ID, nil); !errors.As(err, new(*job.NotResumableError)) {
		t.Errorf("resumed: %v", err)
	}
	e.replay(e.everything(), window.Limits{})
	e.is(moved, "(60,60,60)")
}

// TestExecute_SameWindowTwice starts a second job over a part of the window while the
// first one runs.
func TestExecute_SameWindowTwice(t *testing.T) {
	e := newEnv(t, "native")
	e.local(40)
	e.Settings.Batch.MaxRows = 5
	other := e.replayer(sink.Hooks{})
	part := window.Window{Topics: []string{e.Topic}, Starts: map[int32]int64{1: 15}}
	var once atomic.Bool
	r := e.replayer(sink.Hooks{OnInsert: func(at string, _, _ int, _ time.Duration) {
		if at != sink.LedgerTable || !once.CompareAndSwap(false, true) {
			return
		}
		plan, err := other.Plan(t.Context(), part, window.Limits{})
		if err != nil {
			t.Error(err)
			return
		}
		_, err = other.Execute(t.Context(), plan)
		if overlap := new(job.OverlapError); !errors.As(err, &overlap) || !strings.Contains(err.Error(), e.Topic+"/1 [0, 20) too; wait until it has ended") {
			t.Errorf("got %v", err)
		}
	}})
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{})
	e.Must(err)
	_, err = r.Execute(t.Context(), plan)
	e.Must(err)
	if !once.Load() {
		t.Error("the second job was never started")
	}
	e.is(moved, "(40,40,40)")
}

// TestExecute_MaxErrors stops at the first new dead letter, and continues when the limit is
// raised.
func TestExecute_MaxErrors(t *testing.T) {
	e := newEnv(t, "native")
	var values []string
	for i := range 30 {
		values = append(values, message(fmt.Sprint("s", i), "2025-06-15T12:00:00Z", "Renewed", `"what":"x","term_name":"a"`))
	}
	e.send(0, append([]string{`{"hopeless":`}, values...)...)
	e.Ingest()
	e.Settings.Transform.FieldAliases = map[string]string{"what": "term_name"} // then the field is there twice
	e.Settings.Batch.MaxRows = 5
	r := e.replayer(sink.Hooks{})
	limit := uint64(6)
	plan, err := r.Plan(t.Context(), e.everything(), window.Limits{MaxErrors: &limit})
	e.Must(err)
	j, err := r.Execute(t.Context(), plan)
	if !errors.Is(err, job.ErrTooManyErrors) || j.State != job.Failed || j.Counts[job.NewDeadLetters] < 7 || j.Counts[job.NewDeadLetters] > 19 {
		t.Errorf("got %v, %+v", err, j)
	}
	more := uint64(30)
	j, err = r.Resume(t.Context(), j.ID, func(p *job.Plan) { p.MaxErrors = &more })
	e.Must(err)
	e.wantCounts(j.Counts, "messages=31 dead_lettered=31 unchanged=1 to_dead_letter=30 new_dead_letters=30")
}

// TestResume_OtherRules names what has changed, and does nothing.
func TestResume_OtherRules(t *testing.T) {
	e := newEnv(t, "native")
	e.local(20)
	j := e.stoppedAt(sink.EventsTable)
	e.Settings.Transform.SourceTimezone = "Asia/Tokyo"
	_, err := e.replayer(sink.Hooks{}).Resume(t.Context(), j.ID, nil)
	if changed := new(job.RulesChangedError); !errors.As(err, &changed) || !strings.Contains(err.Error(), "transform.source_timezone") {
		t.Errorf("got %v", err)
	}
}

// TestResume_AfterAKillBehindDeadLetters builds what a kill leaves: dead letters are written,
// and neither the last checkpoint nor the record knows of them. The resumed job counts those
// that it has opened, and no others.
func TestResume_AfterAKillBehindDeadLetters(t *testing.T) {
	for _, c := range []struct{ name, ledger string }{
		{"after the checkpoint", ""},
		{"before the checkpoint", "ALTER TABLE ingest_ledger DELETE WHERE kind = 'replay' SETTINGS mutations_sync = 2"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "_"), func(t *testing.T) {
			e := newEnv(t, "native")
			doubled := func(id string) string {
				return message(id, "2025-06-15T12:00:00Z", "Renewed", `"what":"x","term_name":"a"`)
			}
			e.send(0,
				`{"hopeless":`, // is a dead letter, and stays one
				message("late", "yesterday", "Renewed", `"what":"x","term_name":"a"`), // gets another reason
				doubled("a"), doubled("b"))
			e.Ingest()
			e.send(0, message("c", "2025-06-15T12:00:00Z", "Renewed"), message("d", "2025-06-15T12:00:00Z", "Renewed"))
			// A dead letter that was resolved, and is opened again.
			e.Exec(`INSERT INTO dead_letters SELECT * REPLACE (toInt64(3) AS source_offset, 'invalid_json' AS reason, toUInt32(4) AS attempts,
				decided_at - INTERVAL 1 HOUR AS decided_at, decided_at AS resolved_at) FROM dead_letters FINAL WHERE source_offset = 0`)
			e.Settings.Transform.FieldAliases = map[string]string{"what": "term_name"} // then the field is there twice
			done := e.replay(e.everything(), window.Limits{})
			e.wantCounts(done.Counts, "messages=6 stored=2 dead_lettered=4 unchanged=1 added=2 to_dead_letter=2 altered_letter=1 new_dead_letters=2")

			e.Exec(`INSERT INTO replay_jobs SELECT * REPLACE ('failed' AS state, map() AS counts, written_at + INTERVAL 1 MILLISECOND AS written_at)
				FROM replay_jobs FINAL WHERE record = 'progress'`)
			if c.ledger != "" {
				e.Exec(c.ledger)
			}
			// A consumer has opened two more since the start of the job. Of the second one its
			// ledger row is not written yet.
			for offset := range 2 {
				e.Exec(fmt.Sprintf(`INSERT INTO dead_letters SELECT * REPLACE (toInt64(%d) AS source_offset, toUInt32(1) AS attempts,
					decided_at + INTERVAL %d MILLISECOND AS decided_at) FROM dead_letters FINAL WHERE source_offset = 2`, 4+offset, 1+offset))
			}
			e.Exec(`INSERT INTO ingest_ledger SELECT * REPLACE (4 AS start_offset, 5 AS next_offset, synced_at + INTERVAL 1 MILLISECOND AS synced_at)
				FROM (SELECT l.* REPLACE (d.decided_at AS synced_at) FROM ingest_ledger AS l, (SELECT decided_at FROM dead_letters FINAL WHERE source_offset = 2) AS d
				WHERE kind = 'flush' LIMIT 1)`)
			resumed, err := e.replayer(sink.Hooks{}).Resume(t.Context(), done.ID, nil)
			e.Must(err)
			if n := resumed.Counts[job.NewDeadLetters]; n != 2 || resumed.State != job.Complete {
				t.Errorf("the job has opened 2 dead letters, and counts %d: %+v", n, resumed)
			}
		})
	}
}

// TestResume_CountsWhatRetentionRemoved builds what a kill between a checkpoint for removed
// messages and the record leaves.
func TestResume_CountsWhatRetentionRemoved(t *testing.T) {
	e := newEnv(t, "native")
	e.local(40)
	e.Settings.Batch.MaxRows = 5
	j := e.stoppedAt(sink.LedgerTable)
	e.Exec("INSERT INTO ingest_ledger (source, source_name, source_epoch, source_partition, kind, cause, start_offset, next_offset, last_offset, job_id, written_at) " +
		"VALUES ('kafka', '" + e.Topic + "', 0, 1, 'replay', 'retention', 18, 20, -1, '" + j.ID + "', now64(3))")
	j, err := e.replayer(sink.Hooks{}).Resume(t.Context(), j.ID, nil)
	e.Must(err)
	if j.Counts[window.Removed] != 2 || j.Counts[job.Messages] != 38 {
		t.Errorf("2 of 40 messages are removed: %+v", j.Counts)
	}
}
