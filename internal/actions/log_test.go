package actions_test

import (
	"context"
	"errors"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// flaky is a connection that drops some inserts, and loses the answer of others.
type flaky struct {
	driver.Conn
	inserts int
	lose    func(insert int) bool
	drop    func() bool // nil: none
}

var errLost = errors.New("the answer was lost")

func (f *flaky) PrepareBatch(ctx context.Context, query string, opts ...driver.PrepareBatchOption) (driver.Batch, error) {
	batch, err := f.Conn.PrepareBatch(ctx, query, opts...)
	return &flakyBatch{batch, f}, err
}

type flakyBatch struct {
	driver.Batch
	of *flaky
}

func (b *flakyBatch) Send() error {
	if b.of.drop != nil && b.of.drop() {
		return errors.Join(errLost, b.Abort())
	}
	if err := b.Batch.Send(); err != nil {
		return err
	}
	if b.of.inserts++; b.of.lose(b.of.inserts) {
		return errLost
	}
	return nil
}

// TestLog_ARowIsWrittenOnce loses the answer to each row but the first once, after the
// row was written or instead of it: the result is recorded in the end, and once.
func TestLog_ARowIsWrittenOnce(t *testing.T) {
	tier.Full(t, "repeats inserts")
	s := setUp(t, of("S", "u", "dynamic", record{"can_be_resumed": true}))
	conn := &flaky{Conn: s.conn, lose: func(insert int) bool { return insert == 2 || insert == 3 }}
	r, err := s.actions(conn).Resume(t.Context(), "S", "", true)
	if err != nil || r.Outcome != actions.Done || conn.inserts != 3 {
		t.Errorf("%+v, %v, %d inserts", r, err, conn.inserts)
	}
	if got := s.rows(); got != "asked resume, answered resume done, final done" {
		t.Errorf("got %q", got)
	}
	s = setUp(t, of("S", "u", "dynamic", record{"can_be_resumed": true}))
	attempts := 0
	conn = &flaky{Conn: s.conn, lose: func(int) bool { return false }, drop: func() bool { attempts++; return attempts == 2 || attempts == 4 }}
	if r, err := s.actions(conn).Resume(t.Context(), "S", "", true); err != nil || r.Outcome != actions.Done || conn.inserts != 3 || attempts != 5 {
		t.Errorf("%+v, %v, %d inserts of %d attempts", r, err, conn.inserts, attempts)
	}
	if got := s.rows(); got != "asked resume, answered resume done, final done" {
		t.Errorf("got %q", got)
	}
}

// TestLog_AnUncertainFirstRowAsksForNothing loses the answer to the row before the
// request: it may be there, and says more than was done.
func TestLog_AnUncertainFirstRowAsksForNothing(t *testing.T) {
	s := setUp(t, of("S", "u", "dynamic", record{"can_be_resumed": true}))
	conn := &flaky{Conn: s.conn, lose: func(insert int) bool { return insert == 1 }}
	r, err := s.actions(conn).Resume(t.Context(), "S", "", true)
	if !errors.Is(err, errLost) || r.Outcome != actions.Failed || s.times(resume) > 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if got := s.rows(); got != "asked resume, final failed" {
		t.Errorf("got %q", got)
	}
}
