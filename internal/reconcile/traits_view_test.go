package reconcile

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// traits are the ids and statuses that the view subscription_traits shows.
func (s *store) traits(t *testing.T) string {
	t.Helper()
	return strings.Join(texts(t, s.conn, `SELECT subscription_id || ' ' || ifNull(subscription_status, '-') FROM `+
		s.tables.Table("subscription_traits")+` ORDER BY ALL`), ", ")
}

// ofLog is a line of csvLog: whose address decides whether it is an internal user's.
func ofLog(id, status, address string) string {
	return "," + id + "," + status + ",2026-01-01,u," + address + ",,Payment,,,,,,,"
}

// TestTraits_ViewShowsTheLatestCompleteFile: what is being read, was broken off, or
// is an internal user's has rows in the table, and none in the view.
func TestTraits_ViewShowsTheLatestCompleteFile(t *testing.T) {
	s := testStore(t)
	columns := texts(t, s.conn, "SELECT name FROM system.columns WHERE database = '"+s.tables.Database+"' AND table = 'subscription_traits' ORDER BY position")
	if want := append(slices.Clone(traitColumns), "synced_at"); !slices.Equal(columns, want) {
		t.Errorf("the view has %v, want %v", columns, want)
	}
	uncommented := texts(t, s.conn, "SELECT name FROM system.columns WHERE database = '"+s.tables.Database+"' AND table = 'subscription_traits' AND comment = ''")
	if len(uncommented) > 0 {
		t.Errorf("without a comment: %v", uncommented)
	}

	first, err := s.newSnapshot(t.Context(), sourceCSV, noon)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.readCSV(t.Context(), csvLog(t, ofLog("A", "Active", ""))); err != nil {
		t.Fatal(err)
	}
	if got := s.traits(t); got != "" {
		t.Errorf("while the first file is read: %q", got)
	}
	if _, err := first.finish(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if got := s.traits(t); got != "A Active" {
		t.Errorf("the first file: %q", got)
	}

	// A later one is broken off after a block.
	lines := []string{}
	for _, id := range numberedIDs(0, blockRows+1) {
		lines = append(lines, ofLog(id, "Active", ""))
	}
	if _, err := s.fromCSV(t.Context(), csvLog(t, append(lines, `,Z,Active,canary,u,,,Payment,,,,,,,`)...), noon.AddDate(0, 0, 1)); err == nil {
		t.Fatal("a broken file was read")
	}
	if got := s.traits(t); got != "A Active" {
		t.Errorf("after a file that was broken off: %q", got)
	}

	// A whole one, some of it internal users'.
	execute(t, s.conn, "INSERT INTO "+s.tables.Table("filtered_subscriptions")+" VALUES ('F', 1, now64(3))")
	_, err = s.fromCSV(t.Context(), csvLog(t, ofLog("A", "Expired", ""), ofLog("B", "Active", ""), ofLog("F", "Active", ""),
		ofLog("I", "Active", "b@publisher.example"), ofLog("J", "Active", "c@publisher.example")), noon.AddDate(0, 0, 2))
	if err != nil {
		t.Fatal(err)
	}
	if got := s.traits(t); got != "A Expired, B Active" {
		t.Errorf("the next file: %q", got)
	}
	// A later event of one that was filtered shows it again.
	execute(t, s.conn, `INSERT INTO `+s.tables.Table("subscription_events")+` (subscription_id, event_timestamp, version) VALUES ('F', now64(3), 2)`)
	if got := s.traits(t); got != "A Expired, B Active, F Active" {
		t.Errorf("after a later event: %q", got)
	}
	execute(t, s.conn, `INSERT INTO `+s.tables.Table("filtered_subscriptions")+` VALUES ('F', 3, now64(3))`)
	// A snapshot of the API has no traits, and hides none.
	at := noon.AddDate(0, 0, 3)
	s.now = func() time.Time { return at }
	s.take(t, named("A", "B"))
	if got := s.traits(t); got != "A Expired, B Active" {
		t.Errorf("after a snapshot of the API: %q", got)
	}
}
