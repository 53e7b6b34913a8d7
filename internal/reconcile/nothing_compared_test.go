package reconcile

import (
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// A run that could compare nothing shows nothing: it is no success, of which the age is
// watched, and the next run is still an interval away.
func TestRun_ThatComparesNothingIsNoSuccess(t *testing.T) {
	s := newFixture(t)
	one := agreeing("A")
	s.pairs(one)
	if report := s.run(); report.NothingCompared || report.Compared != 1 {
		t.Fatalf("got %+v", report)
	}
	before, err := s.reconciler().LastRun(t.Context())
	if err != nil || !before.SucceededAt.Equal(before.CompletedAt) {
		t.Fatalf("%+v, %v", before, err)
	}
	s.clock = noon.Add(aDay)
	s.events(event{id: "A", user: "u", action: "Renewed", ago: -aDay, next: 3 * aDay, term: "payment", period: "1 month", value: "9.99"})
	report := s.run()
	if !report.NothingCompared || report.Compared != 0 || !slices.Equal(counts(report.NotCompared), []string{"recent 1"}) || !report.Clean() {
		t.Fatalf("got %+v", report)
	}
	after, err := s.reconciler().LastRun(t.Context())
	if err != nil || !after.SucceededAt.Equal(before.SucceededAt) || !after.CompletedAt.After(before.CompletedAt) {
		t.Errorf("before %+v, after %+v, %v", before, after, err)
	}
}

func TestRun_WithNothingToCompareIsASuccess(t *testing.T) {
	s := newFixture(t)
	if report := s.run(); report.NothingCompared {
		t.Errorf("neither side has a subscription: %+v", report)
	}
	s.api.subscriptions = []piano.Subscription{{ID: "I", Status: "active", Internal: true}, {ID: "G", Status: "active", Term: piano.Term{Type: "gift"}}}
	s.clock = s.clock.Add(time.Hour)
	if report := s.run(); report.NothingCompared || report.Compared != 0 || len(report.NotCompared) != 2 {
		t.Errorf("none of them is ever compared: %+v", report)
	}
	if last, err := s.reconciler().LastRun(t.Context()); err != nil || !last.SucceededAt.Equal(last.CompletedAt) || last.SucceededAt.IsZero() {
		t.Errorf("%+v, %v", last, err)
	}
}

// A subscription whose row cannot be read is neither missing nor deleted, and its drift
// stays open.
func TestRun_DoesNotCompareUnreadableRows(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A").status("expired"), agreeing("B"))
	s.run()
	readable := s.api.subscriptions[0]
	for day := range 3 {
		s.clock = noon.Add(time.Duration(day+1) * aDay)
		s.api.subscriptions[0] = piano.Subscription{ID: "A", Unreadable: true}
		report := s.run()
		if report.Snapshot.Unreadable != 1 || report.Snapshot.Rows != 2 || report.Snapshot.Tombstones != 0 || report.Compared != 1 {
			t.Errorf("day %d: %+v", day, report)
		}
		s.want("drift", s.drift(), []string{"A status active→expired"})
		s.want("not compared", counts(report.NotCompared), []string{"unreadable 1"})
	}
	s.want("the view", texts(t, s.conn, "SELECT subscription_id FROM "+s.tables.Table("piano_api_subscriptions")), []string{"B"})
	s.clock = noon.Add(5 * aDay)
	s.api.subscriptions[0] = readable
	s.api.subscriptions[0].Status = "active"
	s.run()
	s.want("drift", s.drift(), []string{"A status active→expired closed"})
}

// Absence from a file shows nothing unless somebody says what the file covers. The oldest
// and the newest subscription of a file do not.
func TestRunCSV_OfUnknownDaysFindsNothingMissing(t *testing.T) {
	line := func(id string, ago int) string {
		return "," + id + ",Active," + noon.Add(-time.Duration(ago)*aDay).Format("2006-01-02 15:04:05 -0700") + ",u,a@example.com,A,Payment,1 month,9.99,TRUE,,,,"
	}
	s := newFixture(t)
	for i, id := range []string{"oldest", "newest", "absent"} {
		p := agreeing(id).absent()
		p.events[0].ago = time.Duration([]int{90, 2, 40}[i]) * aDay
		s.pairs(p)
	}
	s.clock = noon.Add(aDay)
	log := func() File {
		return File{Log: csvLog(t, line("oldest", 90), line("newest", 2)), AsOf: noon, Until: noon}
	}
	report, err := s.reconciler().RunCSV(t.Context(), log())
	if err != nil || report.Compared != 2 || !report.Clean() {
		t.Errorf("%+v, %v", report, err)
	}
	s.want("not compared", counts(report.NotCompared), []string{"not_in_file 1"})
	for name, days := range map[string][2]int{"it_covers": {41 + 1, 39}, "first_day": {40, 30}, "last_day": {50, 41}} {
		f := log()
		f.FirstDay, f.LastDay = noon.Add(-time.Duration(days[0])*aDay), noon.Add(-time.Duration(days[1])*aDay)
		report, err := s.reconciler().RunCSV(t.Context(), f)
		if err != nil || report.Clean() != (name != "it_covers") {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
	}
}

// A clock that is ahead would date the snapshot into the future, where it hides later ones.
func TestRun_RefusesAClockThatIsAhead(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A"))
	s.clock = time.Now().Add(2 * time.Hour)
	if _, err := s.try(t.Context()); err == nil {
		t.Error("a run of the future is complete")
	}
	if got := texts(t, s.conn, "SELECT state FROM "+s.tables.Table("snapshot_runs")); len(got) != 0 {
		t.Errorf("snapshots: %v", got)
	}
	s.clock = noon
	if report := s.run(); report.Superseded || report.Compared != 1 {
		t.Errorf("got %+v", report)
	}
}

// A snapshot from the future, of a time when ClickHouse's clock was ahead, is not shown,
// supersedes no run and is no base for tombstones.
func TestRun_IgnoresASnapshotFromTheFuture(t *testing.T) {
	s := newFixture(t)
	s.pairs(agreeing("A"))
	s.run()
	for _, statement := range []string{
		"INSERT INTO " + s.tables.Table("snapshot_runs") + " (snapshot_id, source, state, as_of, completed_at, whole, written_at) VALUES (generateUUIDv4(), 'api', 'complete', now() + INTERVAL 1 YEAR, now(), true, now())",
		"INSERT INTO " + s.tables.Table("reconciliation_runs") + " (run_id, snapshot_id, state, as_of, completed_at, written_at) SELECT generateUUIDv4(), snapshot_id, 'complete', as_of, completed_at, written_at FROM " + s.tables.Table("snapshot_runs") + " WHERE as_of > now()",
	} {
		execute(t, s.conn, statement)
	}
	s.clock = noon.Add(aDay)
	if report := s.run(); report.Superseded || report.Compared != 1 {
		t.Errorf("got %+v", report)
	}
	s.want("the view", texts(t, s.conn, "SELECT subscription_id FROM "+s.tables.Table("piano_api_subscriptions")), []string{"A"})
}
