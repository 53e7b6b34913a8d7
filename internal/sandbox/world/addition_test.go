package world_test

import (
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// TestTruthAfterReplay_additions: additions shift the offsets of the later messages, their
// rows stand among those of the world, and a missing one is reported.
func TestTruthAfterReplay_additions(t *testing.T) {
	tier.Full(t, "fills the tables")
	conn := database(t)["native"]
	cfg := world.Defaults()
	cfg.Seed, cfg.Subscribers = 7, 200
	w := with(t, cfg)
	r := world.Replay{After: world.Rules{SourceTimezone: "Europe/Copenhagen"}, Until: make([]int64, cfg.Partitions)}
	plain, err := w.TruthAfterReplay(r)
	if err != nil {
		t.Fatal(err)
	}
	var known string
	for row := range plain.Rows() {
		known = string(row.SubscriptionID)
	}
	end := plain.Ends[0]
	for i, id := range []string{known, "0 sorts before all", "~ sorts after all"} {
		r.Additions = append(r.Additions, world.Addition{
			Position: world.Position{Partition: 0, Offset: []int64{3, 4, end + 2}[i]}, Stamp: cfg.End.UnixMilli(),
			Event: schemas.Event{
				SubscriptionID: []byte(id), UserID: []byte("u"), EventTimestamp: schemas.Millis(cfg.End.UnixMilli()),
				SubscriptionAction: []byte(schemas.Resumed), SubscriptionActionRaw: []byte(schemas.Resumed),
			},
		})
	}
	tr, err := w.TruthAfterReplay(r)
	if err != nil {
		t.Fatal(err)
	}
	shifted, visible := 0, 0
	before := map[schemas.EventID]int64{}
	for row := range plain.Rows() {
		if row.Partition == 0 {
			before[row.ID] = row.Offset
		}
	}
	for row := range tr.Rows() {
		switch offset, there := before[row.ID]; {
		case row.UserID != nil && string(row.UserID) == "u":
			visible++
		case there && row.Offset == offset+2 && offset >= 3:
			shifted++
		case there && row.Offset != offset:
			t.Errorf("offset %d became %d", offset, row.Offset)
		}
	}
	if visible != 3 || shifted == 0 || tr.Ends[0] != end+3 || tr.Counts.Rows != plain.Counts.Rows+3 || tr.Counts.Messages != plain.Counts.Messages+3 {
		t.Errorf("%d additions are visible, %d messages are shifted, the end is %d; want it at %d; counts %+v", visible, shifted, tr.Ends[0], end+3, tr.Counts)
	}
	if at := tr.FirstEvent("~ sorts after all"); at.Millis != schemas.Millis(cfg.End.UnixMilli()) {
		t.Errorf("the first event of a newcomer is %+v", at)
	}
	fill(t, conn, w, tr)
	compare := func(missing int) {
		t.Helper()
		report, err := tr.Compare(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		for _, check := range report.Checks {
			got += check.Missing
		}
		if got != missing || report.Equal() != (missing == 0) {
			t.Errorf("want %d missing: %s", missing, report.String())
		}
	}
	compare(0)
	if err := conn.Exec(t.Context(), "DELETE FROM subscription_events WHERE subscription_id = '~ sorts after all'"); err != nil {
		t.Fatal(err)
	}
	compare(2) // in the table and in the view
}
