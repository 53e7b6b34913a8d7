package reconcile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// at sets a store's clock to so many days after noon's.
func (s *store) at(days int) {
	at := noon.Add(time.Duration(days) * aDay)
	s.now = func() time.Time { at = at.Add(time.Second); return at }
}

// file takes a file of these subscriptions, so many days after noon's.
func (s *store) file(t *testing.T, days int, ids ...string) summary {
	t.Helper()
	s.at(days)
	var lines []string
	for _, id := range ids {
		lines = append(lines, ofLog(id, "Expired", ""))
	}
	of, err := s.fromCSV(t.Context(), csvLog(t, lines...), noon.Add(time.Duration(days)*aDay))
	if err != nil {
		t.Fatal(err)
	}
	return of
}

// rows are how many subscriptions each view shows.
func (s *store) rows(t *testing.T) string {
	t.Helper()
	return strings.Join(texts(t, s.conn, "SELECT toString(count()) FROM "+s.tables.Table("piano_api_subscriptions")+
		" UNION ALL SELECT toString(count()) || ' traits' FROM "+s.tables.Table("subscription_traits")), ", ")
}

// TestViews_AFileOfSomeDaysDisplacesNothingWhole: it is the latest, and stays out of
// the views as long as a whole snapshot is there, however many of its like come.
func TestViews_AFileOfSomeDaysDisplacesNothingWhole(t *testing.T) {
	tier.Full(t, "writes many snapshots")
	s := testStore(t)
	all := numberedIDs(0, 100)
	shows := func(when, want string) {
		t.Helper()
		if err := s.prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := s.rows(t); got != want && got != swapped(want) {
			t.Errorf("%s: the views have %s, want %s", when, got, want)
		}
	}
	if of := s.file(t, 0, all[:10]...); of.Whole {
		t.Error("a file without an earlier snapshot counts as whole")
	}
	shows("a file alone", "10, 10 traits")
	s.at(1)
	if of := s.take(t, named(all...)); !of.Whole {
		t.Error("the API's snapshot is not whole")
	}
	shows("the API", "100, 10 traits")
	for day := 2; day < 7; day++ { // more than are kept
		if of := s.file(t, day, all[:20+day]...); of.Whole {
			t.Errorf("a file of %d of 100 counts as whole", 20+day)
		}
		shows("a file of some days", fmt.Sprintf("100, %d traits", 20+day))
	}
	if of := s.file(t, 7, all[2:]...); !of.Whole {
		t.Error("a file of 98 of 100 does not count as whole")
	}
	shows("a whole file", "98, 98 traits")
	s.file(t, 8, append(all[:97:97], "new1", "new2", "new3")...)
	shows("a file that lacks three", "98, 98 traits")
	s.at(9)
	s.take(t, named(all...))
	shows("the API again", "100, 98 traits")
}

// swapped is the other order of two numbers: the parts of a union come in any.
func swapped(two string) string {
	one, other, _ := strings.Cut(two, ", ")
	return other + ", " + one
}

// TestViews_WithoutAWholeOneTheLatestFileIsShown: it is better than nothing.
func TestViews_WithoutAWholeOneTheLatestFileIsShown(t *testing.T) {
	s := testStore(t)
	s.file(t, 0, "A", "B", "C")
	s.file(t, 1, "A")
	s.file(t, 2, "B", "C")
	if got, traits := s.shown(t), s.traits(t); got != "B expired, C expired" || traits != "B Expired, C Expired" {
		t.Errorf("got %q and %q", got, traits)
	}
}

// TestRun_OfTheAPIIsNotSupersededByAFile: a file of one subscription that is compared
// while a run of the API is under way has its say about that one alone.
func TestRun_OfTheAPIIsNotSupersededByAFile(t *testing.T) {
	s := newFixture(t)
	other, before := agreeing("other").status("expired"), noon.Add(-60*aDay)
	other.events[0].ago, other.api.StartedAt = 60*aDay, &before // the file does not reach it
	s.pairs(agreeing("in-file").status("expired"), other)
	started := noon.Add(-40 * aDay).Format("2006-01-02 15:04:05 -0700")
	s.hooks.OnPhase = func(p Phase, _ time.Duration) {
		if p != PhaseCompare {
			return
		}
		s.hooks = Hooks{}
		s.api.read = false
		s.clock = noon.Add(time.Hour)
		report, err := s.reconciler().RunCSV(t.Context(), File{Log: csvLog(t, ",in-file,Cancelled,"+started+",u,a@example.com,A,Payment,1 month,9.99,FALSE,,,,"), AsOf: s.clock, Until: s.clock})
		if err != nil || report.Superseded || report.Snapshot.Whole {
			t.Errorf("the file: %+v, %v", report, err)
		}
	}
	if report := s.run(); report.Superseded || !report.Snapshot.Whole {
		t.Error("a file of one subscription has superseded a run of the API")
	}
	s.want("drift", s.drift(), []string{"in-file status active→cancelled unverified", "other status active→expired"})
}
