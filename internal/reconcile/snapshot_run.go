package reconcile

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// summary is what a complete snapshot is. Its counts are those of snapshot_runs.
type summary struct {
	ID                 uuid.UUID
	Source             string // api or csv
	AsOf, CompletedAt  time.Time
	Until              time.Time // the latest moment that its rows may tell of
	Pages              uint64
	Rows               uint64
	Filtered           uint64
	Repeated           uint64
	UnreadPlans        uint64
	Whole              bool // see writing.judge
	Tombstones         uint64
	TombstonesWithheld uint64
}

// Where a snapshot comes from.
const (
	sourceAPI = "api"
	sourceCSV = "csv"
)

// What may have become of a snapshot, or of a run.
const (
	stateBegun      = "begun"
	stateComplete   = "complete"
	stateFailed     = "failed"
	stateDropped    = "dropped"
	stateSuperseded = "superseded"
)

// record writes the state of a snapshot.
func (s *store) record(ctx context.Context, state string, of summary, problem string) error {
	var completed *time.Time
	if !of.CompletedAt.IsZero() {
		completed = &of.CompletedAt
	}
	return s.insert(ctx, "snapshot_runs", "snapshot_id, source, state, as_of, completed_at, pages, rows, filtered, repeated, "+
		"unread_plans, whole, tombstones, tombstones_withheld, problem, instance, written_at", 1, func(int) []any {
		return []any{of.ID, of.Source, state, of.AsOf, completed, of.Pages, of.Rows, of.Filtered, of.Repeated,
			of.UnreadPlans, of.Whole, of.Tombstones, of.TombstonesWithheld, problem, s.instance, s.now().UTC()}
	})
}

// recorded is a snapshot's last state.
type recorded struct {
	summary
	State     string
	WrittenAt time.Time
}

// runs are all snapshots' last states but those of dropped ones, the latest moment
// first. There are a few dozen (reconcile.keep).
func (s *store) runs(ctx context.Context) ([]recorded, error) {
	return read(ctx, s, "read snapshot_runs", `SELECT snapshot_id, toString(source), toString(state), as_of, ifNull(completed_at, toDateTime64(0, 3, 'UTC')),
	pages, rows, filtered, repeated, unread_plans, whole, tombstones, tombstones_withheld, written_at
FROM `+s.tables.Table("snapshot_runs")+` FINAL WHERE state != 'dropped'
ORDER BY as_of DESC, completed_at DESC, snapshot_id DESC`, nil, func(row driver.Rows, r *recorded) error {
		return row.Scan(&r.ID, &r.Source, &r.State, &r.AsOf, &r.CompletedAt, &r.Pages, &r.Rows, &r.Filtered, &r.Repeated,
			&r.UnreadPlans, &r.Whole, &r.Tombstones, &r.TombstonesWithheld, &r.WrittenAt)
	})
}
