package reconcile

import (
	"strings"
	"testing"
)

// dead are the tombstones that the view shows.
func (s *store) dead(t *testing.T) string {
	t.Helper()
	return strings.Join(texts(t, s.conn, `SELECT subscription_id || ' ' || user_id || ' ' || subscription_status || ' ' || ifNull(expiry_reason, '')
FROM `+s.tables.Table("piano_api_subscriptions")+` WHERE expiry_reason = 'absent_from_api' ORDER BY ALL`), ", ")
}

func TestTombstone_AfterTwoSnapshotsInARow(t *testing.T) {
	s := testStore(t)
	many := numberedIDs(0, 100)
	s.take(t, named(append(many, "X", "Y")...))
	s.take(t, named(append(many, "Y")...))
	if got := s.dead(t); got != "" {
		t.Errorf("absent once: %q", got)
	}
	if of := s.take(t, named(many...)); of.Tombstones != 1 || of.Rows != 100 {
		t.Errorf("got %+v", of)
	}
	if got := s.dead(t); got != "X UX deleted absent_from_api" {
		t.Errorf("absent twice: %q", got)
	}
	if of := s.take(t, named(many...)); of.Tombstones != 2 {
		t.Errorf("got %+v", of)
	}
	if got := s.dead(t); got != "X UX deleted absent_from_api, Y UY deleted absent_from_api" {
		t.Errorf("one stays and one comes: %q", got)
	}
	s.take(t, named(append(many, "X")...))
	if got := s.dead(t); got != "Y UY deleted absent_from_api" {
		t.Errorf("back again: %q", got)
	}
}

// When too many subscriptions vanish at once, none counts as deleted. Withheld
// tombstones are decided again with the next snapshot.
func TestTombstone_NotForMoreThanTwoPercent(t *testing.T) {
	s := testStore(t)
	many := numberedIDs(0, 100)
	s.take(t, named(many...))
	s.take(t, named(many[3:]...))
	for range 2 { // and again, from the same base
		if of := s.take(t, named(many[3:]...)); of.Tombstones != 0 || of.TombstonesWithheld != 3 {
			t.Errorf("got %+v", of)
		}
	}
	if of := s.take(t, named(many[2:]...)); of.Tombstones != 2 || of.TombstonesWithheld != 0 {
		t.Errorf("2 %% of the base: got %+v", of)
	}
}

// An internal user's subscription that the filter comes to drop is not absent.
func TestTombstone_NotForFiltered(t *testing.T) {
	s := testStore(t)
	subscriptions := named(append(numberedIDs(0, 100), "X")...)
	s.take(t, subscriptions)
	subscriptions[100].Internal = true
	s.take(t, subscriptions)
	if of := s.take(t, subscriptions); of.Tombstones != 0 || of.Filtered != 1 {
		t.Errorf("got %+v", of)
	}
}
