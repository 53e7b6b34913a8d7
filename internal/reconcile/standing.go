package reconcile

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
)

// Standing is what the newest complete run of the API has left behind, whichever
// process ran it. One of a file does not count: it may be of a few days, and says
// nothing of whether the API still answers. Neither does one that completed in the
// future: a clock was ahead, and nobody knows when that was.
type Standing struct {
	CompletedAt time.Time // zero where no run was complete yet; then the rest is empty
	Compared    uint64
	Candidates  uint64
	NotCompared map[string]uint64
	Open        map[Kind]uint64 // disagreements that are open now
}

// Standing reads it from the tables.
func (r *Reconciler) Standing(ctx context.Context) (Standing, error) {
	s := Standing{NotCompared: map[string]uint64{}, Open: map[Kind]uint64{}}
	newest := "SELECT ifNull(completed_at, written_at), compared, candidates, not_compared FROM " + r.Tables.Table("reconciliation_runs") +
		" FINAL WHERE state = 'complete' AND completed_at <= fromUnixTimestamp64Milli({now:Int64}, 'UTC') AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM " + r.Tables.Table("snapshot_runs") +
		" WHERE source = 'api') ORDER BY completed_at DESC, run_id DESC LIMIT 1"
	now := clickhouse.Parameters{"now": strconv.FormatInt(r.Now().UnixMilli(), 10)}
	err := statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(now)), r.Conn, newest, func(row driver.Rows) error {
		return row.Scan(&s.CompletedAt, &s.Compared, &s.Candidates, &s.NotCompared)
	})
	if err != nil {
		return Standing{}, fmt.Errorf("read the newest reconciliation: %w", err)
	}
	if s.CompletedAt.IsZero() {
		return s, nil
	}
	open := "SELECT kind, count() FROM " + r.Tables.Table("drift") + " FINAL WHERE closed_at IS NULL GROUP BY kind"
	err = statement.Each(ctx, r.Conn, open, func(row driver.Rows) error {
		var kind string
		var count uint64
		if err := row.Scan(&kind, &count); err != nil {
			return err
		}
		s.Open[Kind(kind)] = count
		return nil
	})
	if err != nil {
		return Standing{}, fmt.Errorf("count open drift: %w", err)
	}
	return s, nil
}
