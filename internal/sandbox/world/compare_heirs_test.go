package world_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// TestTruth_Compare_heirs: of a row that may have taken over from another message the
// comparison accepts the inherited version, and no other. Of every other row it accepts
// none.
func TestTruth_Compare_heirs(t *testing.T) {
	tier.Full(t, "fills the tables")
	conn := database(t)["native"]
	cfg := world.Defaults()
	cfg.Seed, cfg.Subscribers, cfg.ReencodedShare, cfg.CorrectionShare = 5, 300, 0.5, 0.5
	w := with(t, cfg)
	tr, err := w.TruthAfterReplay(world.Replay{After: world.Rules{SourceTimezone: "Europe/Copenhagen"}, Until: w.Truth().Ends})
	if err != nil {
		t.Fatal(err)
	}
	fill(t, conn, w, tr)
	var heir, form, other world.Row
	for row := range tr.Rows() {
		if forms := tr.Inherited(row); len(forms) > 0 {
			heir, form = *row, forms[0]
		} else {
			other = *row
		}
	}
	if form.Version <= heir.Version {
		t.Fatalf("the heir has version %d, its other form %d", heir.Version, form.Version)
	}
	rewrite := func(row world.Row, to uint64, offset int64) {
		t.Helper()
		statement := fmt.Sprintf("INSERT INTO subscription_events SELECT * REPLACE (toUInt64(%d) AS version, toInt64(%d) AS source_offset) FROM subscription_events FINAL WHERE event_id = '%s'", to, offset, uuid.UUID(row.ID))
		if err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	compare := func(says string) {
		t.Helper()
		report, err := tr.Compare(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		if report.Equal() != (says == "") || !strings.Contains(report.String(), says) {
			t.Errorf("want %q: %s", says, report.String())
		}
	}
	compare("")
	rewrite(heir, form.Version, form.Offset)
	compare("")
	rewrite(heir, form.Version+1, form.Offset)
	compare(fmt.Sprintf("version is %d", form.Version+1))
	rewrite(other, other.Version+1, other.Offset)
	compare(fmt.Sprintf("version is %d", other.Version+1))
}
