package export_test

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/transform"
)

// TestExporter_Traits: the thirty columns under Piano's own names and in its order. The
// reader of Piano's log reads the file, and finds the values that are in the table.
func TestExporter_Traits(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec("INSERT INTO snapshot_runs (snapshot_id, source, state, as_of, rows, whole, written_at) VALUES ('00000000-0000-0000-0000-000000000001', 'csv', 'complete', now64(3), 1, true, now64(3))")
	f.Exec(`INSERT INTO subscription_snapshot_traits (snapshot_id, subscription_id, created_at, started_at, days_subscribed, subscription_status, autorenew, total_charged, user_id, term_type, promo_code, synced_at)
		VALUES ('00000000-0000-0000-0000-000000000001', 'RC1', '2026-03-29 18:10:02', '2026-03-29 18:10:01', 30, 'Active', true, 12.5, 'PNI1', 'Payment', 'a,"b"', now64(3))`)
	dir := t.TempDir()
	m := f.run(export.Arguments{View: "traits", To: dir, Format: "csv"})
	if m.Rows != 1 || m.Partition != nil || m.Sync != nil {
		t.Errorf("%+v", m)
	}
	text, err := os.ReadFile(filepath.Join(dir, m.Files[0].Name))
	f.Must(err)
	header, err := csv.NewReader(bytes.NewReader(text)).Read()
	f.Must(err)
	if len(header) != 30 || !slices.Equal(header, subscriptionlog.TraitNames()) {
		t.Errorf("the header is %q", header)
	}
	// The comment of a column of the view begins with the name in Piano's log, so that no
	// column is under the name of another.
	for i, c := range m.Columns {
		if !strings.HasPrefix(c.Description, header[i]) {
			t.Errorf("column %s is %q in the view", c.Name, c.Description)
		}
	}

	rules, err := transform.New(transform.Defaults())
	f.Must(err)
	log, err := subscriptionlog.Open(bytes.NewReader(text), int64(len(text)), rules)
	f.Must(err)
	row, err := log.Next()
	f.Must(err)
	if row.SubscriptionID != "RC1" || row.UserID != "PNI1" || *row.DaysSubscribed != 30 || !*row.AutoRenew || row.TotalCharged.String() != "12.5" || row.PromoCode != `a,"b"` ||
		row.StartedAt.Format("2006-01-02T15:04:05Z07:00") != "2026-03-29T18:10:01Z" || row.EndedAt != nil {
		t.Errorf("%+v", row)
	}
	if _, err := log.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
}
