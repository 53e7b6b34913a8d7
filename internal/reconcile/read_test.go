package reconcile

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
)

// flakyConn is a connection on which each query is cut after its first row, the first
// time that it is asked.
type flakyConn struct {
	driver.Conn
	asked map[string]int
	cut   error // nil for a network's; else it is this, and comes at once
}

func (f *flakyConn) Query(ctx context.Context, query string, args ...any) (driver.Rows, error) {
	if f.asked[query]++; f.asked[query] > 1 {
		return f.Conn.Query(ctx, query, args...)
	}
	if f.cut != nil {
		return nil, f.cut
	}
	rows, err := f.Conn.Query(ctx, query, args...)
	return &cutRows{Rows: rows}, err
}

// cutRows end after the first one.
type cutRows struct {
	driver.Rows
	given int
}

func (c *cutRows) Next() bool {
	c.given++
	return c.given == 1 && c.Rows.Next()
}

func (c *cutRows) Err() error { return io.ErrUnexpectedEOF }

// TestRun_ReadsAgainWhatWasCut: a connection that is cut in every one of a run's reads,
// once a row has come, costs a pause each and counts nothing twice.
func TestRun_ReadsAgainWhatWasCut(t *testing.T) {
	t.Parallel() // it waits between attempts
	s := newFixture(t)
	earlier := noon.Add(-400 * aDay)
	s.pairs(agreeing("A").status("expired"), agreeing("B").absent(), agreeing("C"), agreeing("D").unknown().but(func(s *piano.Subscription) { s.StartedAt = &earlier }),
		agreeing("E").status("pending"), agreeing("F").then(event{action: "Auto-renew enabled", ago: -time.Minute}))
	s.run()
	steady := s.drift()

	conn := &flakyConn{Conn: s.conn, asked: map[string]int{}}
	s.clock, s.api.read = noon.Add(aDay), false
	r := s.reconciler()
	r.Conn = conn
	report, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(conn.asked) < 12 {
		t.Errorf("only %d reads were cut", len(conn.asked))
	}
	s.want("drift", s.drift(), steady)
	s.want("not compared", counts(report.NotCompared), []string{"before_stream 1"})
	s.want("agreed", counts(report.Agreed), []string{"status:active→pending 1"})
	if report.Compared != 5 || report.Candidates != 2 || report.Open != 2 || len(report.Drift) != 2 || report.Drift[0].Count != 1 {
		t.Errorf("got %+v", report)
	}
}

// TestRead_EndsAtARefusal: what repeating does not change is not repeated.
func TestRead_EndsAtARefusal(t *testing.T) {
	s := testStore(t)
	refused := &flakyConn{Conn: s.conn, asked: map[string]int{}, cut: &ch.Exception{Code: 60}}
	s.conn = refused
	var n uint64
	err := s.readOne(t.Context(), "count", "SELECT 1", nil, &n)
	var server *migrate.ServerError
	if !errors.As(err, &server) || server.Code != 60 || refused.asked["SELECT 1"] != 1 {
		t.Errorf("%v, after %d attempts", err, refused.asked["SELECT 1"])
	}
	// Nor is a row that does not fit.
	s.conn = refused.Conn
	if err := s.readOne(t.Context(), "count", "SELECT 1, 'x'", nil, &n); err == nil {
		t.Error("a column too many was read")
	}
}
