package reconcile

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
)

// summary describes a snapshot. Its counts are those of snapshot_runs.
type summary struct {
	ID                 uuid.UUID
	Source             string // api or csv
	AsOf, CompletedAt  time.Time
	Until              time.Time // the latest moment that its rows may describe
	FirstDay, LastDay  time.Time // of the start dates that a file covers; zero where unknown
	Pages              uint64
	Rows               uint64
	Filtered           uint64
	Repeated           uint64
	UnreadPlans        uint64
	Unreadable         uint64 // of Rows
	WithoutID          uint64
	Whole              bool // see decideWhole
	Tombstones         uint64
	TombstonesWithheld uint64
}

func (s summary) report() Snapshot {
	return Snapshot{ID: s.ID, Source: s.Source, Whole: s.Whole, CompletedAt: s.CompletedAt, Pages: s.Pages, Rows: s.Rows, Filtered: s.Filtered,
		Repeated: s.Repeated, UnreadPlans: s.UnreadPlans, Unreadable: s.Unreadable, WithoutID: s.WithoutID, Tombstones: s.Tombstones, TombstonesWithheld: s.TombstonesWithheld}
}

// The sources of a snapshot.
const (
	sourceAPI = "api"
	sourceCSV = "csv"
	sourceGet = "get" // answers about single subscriptions
)

// The states of a snapshot and of a run.
const (
	stateBegun      = "begun"
	stateComplete   = "complete"
	stateFailed     = "failed"
	stateDropped    = "dropped"
	stateSuperseded = "superseded"
)

// recordSnapshot writes the state of a snapshot.
func (s *store) recordSnapshot(ctx context.Context, state string, of summary, problem string) error {
	var completed *time.Time
	if !of.CompletedAt.IsZero() {
		completed = &of.CompletedAt
	}
	return s.insert(ctx, "snapshot_runs", "snapshot_id, source, state, as_of, completed_at, pages, rows, filtered, repeated, "+
		"unread_plans, unreadable, without_id, whole, tombstones, tombstones_withheld, problem, instance, written_at", 1, func(int) []any {
		return []any{of.ID, of.Source, state, of.AsOf, completed, of.Pages, of.Rows, of.Filtered, of.Repeated,
			of.UnreadPlans, of.Unreadable, of.WithoutID, of.Whole, of.Tombstones, of.TombstonesWithheld, problem, s.instance, s.now().UTC()}
	})
}

// snapshotRecord is the last state of a snapshot.
type snapshotRecord struct {
	summary
	State     string
	WrittenAt time.Time
	// Future: a clock was ahead, here or in ClickHouse. Until its moment the snapshot
	// neither is shown nor decides about others.
	Future bool
}

func (r snapshotRecord) complete() bool { return r.State == stateComplete && !r.Future }

// snapshots returns the records of all snapshots that are not dropped, the latest as of
// first. There are a few dozen (reconcile.keep).
func (s *store) snapshots(ctx context.Context) ([]snapshotRecord, error) {
	return read(ctx, s, "read snapshot_runs", `SELECT snapshot_id, toString(source), toString(state), as_of, ifNull(completed_at, toDateTime64(0, 3, 'UTC')),
	pages, rows, filtered, repeated, unread_plans, unreadable, without_id, whole, tombstones, tombstones_withheld, written_at, as_of > now64(3)
FROM `+s.tables.Table("snapshot_runs")+` FINAL WHERE state != 'dropped'
ORDER BY as_of DESC, completed_at DESC, snapshot_id DESC`, nil, func(row driver.Rows, r *snapshotRecord) error {
		return row.Scan(&r.ID, &r.Source, &r.State, &r.AsOf, &r.CompletedAt, &r.Pages, &r.Rows, &r.Filtered, &r.Repeated,
			&r.UnreadPlans, &r.Unreadable, &r.WithoutID, &r.Whole, &r.Tombstones, &r.TombstonesWithheld, &r.WrittenAt, &r.Future)
	})
}

// earlierSnapshots are the complete snapshots of the API with an earlier as of, the
// latest first.
func earlierSnapshots(all []snapshotRecord, than time.Time) []snapshotRecord {
	var earlier []snapshotRecord
	for _, one := range all {
		if one.complete() && one.Source == sourceAPI && one.AsOf.Before(than) {
			earlier = append(earlier, one)
		}
	}
	return earlier
}

// latestWhole is the first of all that is complete, whole and meets the condition.
func latestWhole(all []snapshotRecord, condition func(snapshotRecord) bool) (snapshotRecord, bool) {
	for _, one := range all {
		if one.complete() && one.Whole && condition(one) {
			return one, true
		}
	}
	return snapshotRecord{}, false
}
