package world_test

import (
	"bytes"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// TestWorld_TruthWithRejected rejects winning rows, of events with one delivery and of
// events with several.
func TestWorld_TruthWithRejected(t *testing.T) {
	cfg := world.Defaults()
	cfg.Subscribers = 600
	w := with(t, cfg)
	whole := w.Truth()
	before := map[schemas.EventID]world.Row{}
	var places []world.Position
	for r := range whole.Rows() {
		before[r.ID] = *r
		if len(before)%7 == 0 {
			places = append(places, world.Position{Partition: r.Partition, Offset: r.Offset})
		}
	}
	refused := len(places)
	first := whole.DeadLetters[0]
	places = append(places, world.Position{Partition: first.Partition, Offset: first.Offset}) // has no row, so it changes nothing

	tr := w.TruthWithRejected(places)
	rows, older := 0, 0
	for r := range tr.Rows() {
		rows++
		if r.Version != before[r.ID].Version {
			older++
			if r.Version > before[r.ID].Version {
				t.Errorf("row %x has version %d, and without refusals %d", r.ID, r.Version, before[r.ID].Version)
			}
		}
	}
	if rows != tr.Counts.Rows || rows+refused-older != len(before) || older == 0 || older == refused {
		t.Errorf("%d rows, of them %d of a lower version, counted as %d; %d without refusals, %d refused", rows, older, tr.Counts.Rows, len(before), refused)
	}
	if len(tr.DeadLetters) != len(whole.DeadLetters)+refused || tr.Counts.DeadLettered != len(tr.DeadLetters) ||
		tr.Counts.Stored != whole.Counts.Stored-refused || tr.Reasons[world.ReasonField{Reason: schemas.RejectedByServer}] != refused {
		t.Errorf("counted %+v of %d dead letters, without refusals %+v", tr.Counts, len(tr.DeadLetters), whole.Counts)
	}

	after := tr.AfterRedrive()
	if a, b := after.Digest(), whole.Digest(); !bytes.Equal(a[:], b[:]) || after.Counts.Rows != whole.Counts.Rows || after.Counts.Stored != tr.Counts.Stored {
		t.Errorf("redriven, the truth is not what it is without refusals: %+v, %+v", after.Counts, whole.Counts)
	}
	for i, d := range after.DeadLetters {
		if d.Resolved != (d.Reason == schemas.RejectedByServer) || tr.DeadLetters[i].Resolved {
			t.Fatalf("%+v, before %+v", d, tr.DeadLetters[i])
		}
	}
}

// TestTruth_CompareWithRejected compares the tables of a ClickHouse that rejects rows
// with the truths.
func TestTruth_CompareWithRejected(t *testing.T) {
	tier.Full(t, "fills the tables several times")
	cfg := world.Defaults()
	cfg.Subscribers = 100
	w := with(t, cfg)
	var places []world.Position
	for r := range w.Truth().Rows() {
		if places = append(places, world.Position{Partition: r.Partition, Offset: r.Offset}); len(places) == 3 {
			break
		}
	}
	rejectedAt := w.TruthWithRejected(places)
	truths := map[string]*world.Truth{"whole": w.Truth(), "rejectedAt": rejectedAt, "redriven": rejectedAt.AfterRedrive()}
	conn := database(t)["native"]
	for _, held := range []string{"rejectedAt", "redriven", "whole"} {
		fill(t, conn, w, truths[held])
		for name, tr := range truths {
			report, err := tr.Compare(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			if report.Equal() != (name == held) {
				t.Errorf("tables that hold the %s truth, against the %s one: %s", held, name, report.String())
			}
		}
		for _, table := range []string{"subscription_events", "dead_letters", "filtered_subscriptions", "ingest_ledger"} {
			if err := conn.Exec(t.Context(), "TRUNCATE TABLE "+table); err != nil {
				t.Fatal(err)
			}
		}
	}
}
