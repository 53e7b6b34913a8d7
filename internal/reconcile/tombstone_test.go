package reconcile

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// dead are the tombstones that the view shows.
func (s *store) dead(t *testing.T) string {
	t.Helper()
	return strings.Join(texts(t, s.conn, `SELECT subscription_id || ' ' || user_id || ' ' || subscription_status || ' ' || ifNull(expiry_reason, '')
FROM `+s.tables.Table("piano_api_subscriptions")+` WHERE expiry_reason = 'absent_from_api' ORDER BY ALL`), ", ")
}

func TestTombstone_AfterTwoSnapshotsInARow(t *testing.T) {
	tier.Full(t, "makes several runs")
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
	many := numberedIDs(0, 300)
	s.take(t, named(many...))
	s.take(t, named(many[7:]...))
	for range 2 { // and again, from the same base
		if of := s.take(t, named(many[7:]...)); of.Tombstones != 0 || of.TombstonesWithheld != 7 {
			t.Errorf("got %+v", of)
		}
	}
	if of := s.take(t, named(many[6:]...)); of.Tombstones != 6 || of.TombstonesWithheld != 0 {
		t.Errorf("2 %% of the base: got %+v", of)
	}
}

// An API that suddenly lists nothing (another application, a token without the right) must
// not empty the views.
func TestSnapshot_OfNothingAfterSomethingFails(t *testing.T) {
	s := testStore(t)
	s.take(t, nil) // a new application
	s.take(t, named("A", "B"))
	for range 2 {
		if _, err := s.fromAPI(t.Context(), &fakeSweep{}, 1); !errors.Is(err, errNoSubscription) {
			t.Fatalf("got %v", err)
		}
	}
	if got := s.shown(t); !strings.Contains(got, "A") || !strings.Contains(got, "B") {
		t.Errorf("the view shows %q", got)
	}
	if _, err := s.fromAPI(t.Context(), &fakeSweep{}, 2); err != nil {
		t.Errorf("accepted by the operator: %v", err)
	}
}

// In a small set one deleted subscription is more than 2 %.
func TestTombstone_OfFewIsJudgedByTheirNumber(t *testing.T) {
	tier.Full(t, "writes many snapshots")
	for _, c := range []struct {
		had, deleted     int
		buried, withheld uint64
	}{{40, 1, 1, 0}, {40, 5, 5, 0}, {40, 6, 0, 6}, {2, 1, 1, 0}, {9, 4, 4, 0}, {9, 5, 0, 5}, {3, 2, 0, 2}, {4, 3, 0, 3}} {
		s := testStore(t)
		all := numberedIDs(0, c.had)
		s.take(t, named(all...))
		s.take(t, named(all[c.deleted:]...))
		if of := s.take(t, named(all[c.deleted:]...)); of.Tombstones != c.buried || of.TombstonesWithheld != c.withheld {
			t.Errorf("%d of %d: %d tombstones, %d withheld", c.deleted, c.had, of.Tombstones, of.TombstonesWithheld)
		}
	}
}

// A purge is accepted by its number: an operator has seen it, and another fault of the API
// since then is not accepted with it.
func TestTombstone_OfAPurgeIsAcceptedByTheOperator(t *testing.T) {
	tier.Full(t, "makes several runs")
	s := testStore(t)
	all := numberedIDs(0, 100)
	s.take(t, named(all...))
	s.take(t, named(all[30:]...))
	if of := s.take(t, named(all[30:]...)); of.TombstonesWithheld != 30 {
		t.Fatalf("got %+v", of)
	}
	take := func(accept uint64, ids []string) summary {
		t.Helper()
		of, err := s.fromAPI(t.Context(), &fakeSweep{subscriptions: named(ids...)}, accept)
		if err != nil {
			t.Fatal(err)
		}
		return of
	}
	if of := take(29, all[30:]); of.Tombstones != 0 || of.TombstonesWithheld != 30 {
		t.Errorf("fewer are accepted: %+v", of)
	}
	if of := take(30, all[30:]); of.Tombstones != 30 || of.TombstonesWithheld != 0 {
		t.Errorf("they are accepted: %+v", of)
	}
	if of := take(0, all[30:]); of.Tombstones != 30 || of.TombstonesWithheld != 0 {
		t.Errorf("the next run: %+v", of)
	}
}

// Rows without a readable id may be any subscription, so absence shows nothing.
func TestTombstone_NotBesideRowsWithoutAnID(t *testing.T) {
	s := testStore(t)
	all := numberedIDs(0, 100)
	s.take(t, named(all...))
	s.take(t, named(all[1:]...))
	of, err := s.fromAPI(t.Context(), &fakeSweep{subscriptions: named(all[1:]...), withoutID: 1}, 0)
	if err != nil || of.Tombstones != 0 || of.TombstonesWithheld != 1 || of.WithoutID != 1 {
		t.Fatalf("%+v, %v", of, err)
	}
	if of := s.take(t, named(all[1:]...)); of.Tombstones != 1 || of.TombstonesWithheld != 0 {
		t.Errorf("once all are readable: %+v", of)
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

func TestRunAccepting_PassesTheNumberOn(t *testing.T) {
	s := newFixture(t)
	s.api.subscriptions = named(numberedIDs(0, 60)...)
	s.run()
	s.api.subscriptions = named(numberedIDs(30, 30)...)
	for day := range 3 {
		s.clock = noon.Add(time.Duration(day+1) * aDay)
		s.api.read = false
		report, err := s.reconciler().RunAccepting(t.Context(), uint64(day/2)*30) // on the last day
		if err != nil {
			t.Fatal(err)
		}
		if want := uint64(day/2) * 30; report.Snapshot.Tombstones != want {
			t.Errorf("day %d: %d tombstones, want %d", day, report.Snapshot.Tombstones, want)
		}
		last, err := s.reconciler().LastRun(t.Context())
		if withheld := uint64([]int{0, 30, 0}[day]); err != nil || report.Snapshot.TombstonesWithheld != withheld || last.TombstonesWithheld != withheld {
			t.Errorf("day %d: withheld %d, and %d by the last run; %v", day, report.Snapshot.TombstonesWithheld, last.TombstonesWithheld, err)
		}
	}
}
