package reconcile

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// recordingConn is a connection that keeps what is inserted into, and refuses one
// statement for good.
type recordingConn struct {
	driver.Conn
	inserts []string // tables
	refused string   // the table, of whose inserts
	after   int      // this many pass
}

func (l *recordingConn) Exec(ctx context.Context, query string, args ...any) error {
	if into, ok := strings.CutPrefix(strings.TrimSpace(query), "INSERT INTO "); ok {
		table, _, _ := strings.Cut(into, " ")
		_, table, _ = strings.Cut(strings.ReplaceAll(table, "`", ""), ".")
		if table == l.refused {
			if l.after == 0 {
				return &ch.Exception{Code: 62}
			}
			l.after--
		}
		l.inserts = append(l.inserts, table)
	}
	return l.Conn.Exec(ctx, query, args...)
}

// inRanges is one run that looks at a few subscriptions at a time.
func (s *fixture) inRanges(conn driver.Conn) (*Report, error) {
	s.Helper()
	s.api.read = false
	r := s.reconciler()
	r.Conn, r.rowsPerRange = conn, 40
	return r.Run(s.Context())
}

// TestRun_WritesDriftARangeAtATime: where all is drift no statement is about all of it.
// A run that ends between two ranges counts as none, and the next one makes up for it.
func TestRun_WritesDriftARangeAtATime(t *testing.T) {
	tier.Full(t, "writes many ranges")
	s := newFixture(t)
	s.pairs(many(100, func(i int) *pair { return agreeing(fmt.Sprint(i * 7919)).status("expired") })...)
	s.cfg.Verify = 0
	conn := &recordingConn{Conn: s.conn, refused: "drift", after: 3}
	if _, err := s.inRanges(conn); err == nil {
		t.Fatal("the run is complete, although its drift was refused")
	}
	if n := len(s.drift()); n == 0 || n > 90 {
		t.Errorf("%d of 100 were written before the refusal", n)
	}
	s.want("runs", texts(t, s.conn, "SELECT toString(state) FROM "+s.tables.Table("reconciliation_runs")+" FINAL"), []string{"failed"})
	s.nothingLeft()

	s.clock = noon.Add(10 * time.Minute)
	conn = &recordingConn{Conn: s.conn}
	report, err := s.inRanges(conn)
	if err != nil {
		t.Fatal(err)
	}
	inserts := 0
	for _, table := range conn.inserts {
		if table == "drift" {
			inserts++
		}
	}
	if open := report.Open; open != 100 || len(s.drift()) != 100 || inserts < 5 {
		t.Errorf("%d open, %d rows by %d inserts", open, len(s.drift()), inserts)
	}
	for i := range s.api.subscriptions {
		s.api.subscriptions[i].Status = "active"
	}
	s.clock = noon.Add(aDay)
	if report, err = s.inRanges(s.conn); err != nil || report.Open != 0 || report.Closed != 100 {
		t.Errorf("got %+v, %v", report, err)
	}
}

// supersedingConn is a connection on which something happens once a second range of drift
// has been written.
type supersedingConn struct {
	driver.Conn
	written int
	happens func()
}

func (o *supersedingConn) Exec(ctx context.Context, query string, args ...any) error {
	err := o.Conn.Exec(ctx, query, args...)
	if strings.Contains(query, "INSERT INTO `") && strings.Contains(query, ".`drift`") {
		if o.written++; o.written == 2 {
			o.happens()
		}
	}
	return err
}

// TestRun_OvertakenBetweenRangesOpensNothingMore: a run of a later snapshot has closed
// what agrees by now, and writes no rows that would hold against an older run's.
func TestRun_OvertakenBetweenRangesOpensNothingMore(t *testing.T) {
	s := newFixture(t)
	s.pairs(many(60, func(i int) *pair { return agreeing(fmt.Sprint(i * 7919)).status("expired") })...)
	s.cfg.Verify = 0
	conn := &supersedingConn{Conn: s.conn}
	conn.happens = func() {
		for i := range s.api.subscriptions {
			s.api.subscriptions[i].Status = "active"
		}
		s.clock = noon.Add(time.Hour)
		if report := s.run(); report.Superseded || report.Closed == 0 || report.Open != 0 {
			t.Errorf("the later run: %+v", report)
		}
	}
	report, err := s.inRanges(conn)
	if err != nil || !report.Superseded || conn.written != 2 {
		t.Errorf("the older run: %+v, %v; %d ranges", report, err, conn.written)
	}
	var open uint64
	if err := s.conn.QueryRow(t.Context(), "SELECT count() FROM "+s.tables.Table("drift")+" FINAL WHERE closed_at IS NULL").Scan(&open); err != nil || open > 0 {
		t.Errorf("%d are open, %v", open, err)
	}
}

// TestRun_LooksForEffectsOnce: what has just begun may be in any range, and so may the
// target of a change. Neither is looked for again in each.
func TestRun_LooksForEffectsOnce(t *testing.T) {
	s := newFixture(t)
	s.pairs(many(100, func(i int) *pair { return agreeing(fmt.Sprintf("b%02d", i)) })...)
	s.pairs( // at both ends of the ranges
		agreeing("a-changed").then(event{action: "Upgraded", ago: 5 * aDay, to: "z-began"}).status("cancelled"),
		agreeing("z-changed").then(event{action: "Downgraded", ago: 5 * aDay, to: "a-began"}).status("cancelled"),
		agreeing("z-waits").then(event{action: "Downgraded", ago: 5 * aDay, to: "b00"}).status("cancelled"),
	)
	s.events(event{id: "a-began", action: "Created", ago: -time.Hour}, event{id: "z-began", action: "Created", ago: time.Hour, late: 2 * time.Hour})
	// While the API is asked again another change takes effect.
	s.pairs(agreeing("m-changes").then(event{action: "Upgraded", ago: 5 * aDay, to: "m-begins"}).status("cancelled"))
	s.api.onGet = func(id string) error {
		if id == "m-changes" {
			s.events(event{id: "m-begins", action: "Created", ago: -time.Minute})
		}
		return nil
	}
	conn := &recordingConn{Conn: s.conn}
	report, err := s.inRanges(conn)
	if err != nil {
		t.Fatal(err)
	}
	s.want("drift", s.drift(), []string{"z-waits status upgraded→cancelled"})
	s.want("not compared", counts(report.NotCompared), []string{"recent 4"})
	st, err := newStatements(s.tables)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{st.compare, st.compareAnswers} {
		if strings.Contains(statement, "HAVING") {
			t.Error("a range looks for what has just begun by itself")
		}
		if strings.Contains(statement, "AS targets") || !strings.Contains(statement, "reconciliation_targets") {
			t.Error("a range looks for the targets of changes in all events")
		}
	}
	targets := slices.DeleteFunc(slices.Clone(conn.inserts), func(table string) bool { return table != "reconciliation_targets" })
	if len(targets) != 1 {
		t.Errorf("the targets of changes were looked for %d times", len(targets))
	}
	if n := len(slices.DeleteFunc(conn.inserts, func(table string) bool { return table != "reconciliation_comparisons" })); n < 5 {
		t.Errorf("only %d statements: there were no ranges", n)
	}
}
