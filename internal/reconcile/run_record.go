package reconcile

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/statement"
)

// runRecord is one state of a run, a row of reconciliation_runs.
type runRecord struct {
	id          uuid.UUID
	state       string
	startedAt   time.Time
	completedAt *time.Time
	snapshot    *summary // nil until there is one
	report      *Report  // what is known so far
	problem     string
}

// recordRun writes the state of a run.
func (s *store) recordRun(ctx context.Context, r runRecord) error {
	var snapshot *uuid.UUID
	var asOf *time.Time
	if r.snapshot != nil {
		snapshot, asOf = &r.snapshot.ID, &r.snapshot.AsOf
	}
	drift := map[string]uint64{}
	for _, k := range r.report.Drift {
		drift[string(k.Kind)] = k.Count
	}
	agreed, notCompared := r.report.Agreed, r.report.NotCompared
	if agreed == nil {
		agreed = map[string]uint64{}
	}
	if notCompared == nil {
		notCompared = map[string]uint64{}
	}
	return s.insert(ctx, "reconciliation_runs", "run_id, snapshot_id, state, started_at, completed_at, as_of, compared, nothing_compared, drift, agreed, "+
		"not_compared, candidates, verified, problem, instance, written_at", 1, func(int) []any {
		return []any{r.id, snapshot, r.state, r.startedAt, r.completedAt, asOf, r.report.Compared, r.report.NothingCompared, drift, agreed,
			notCompared, r.report.Candidates, r.report.Verified, r.problem, s.instance, s.now().UTC()}
	})
}

// superseding returns the as of of the latest complete run that can supersede one over
// a snapshot from source; zero without one. A file does not supersede a run of
// the API, since it is compared only within the days that it covers.
func (s *store) superseding(ctx context.Context, source string) (asOf time.Time, err error) {
	only := ""
	if source == sourceAPI {
		only = " AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM " + s.tables.Table("snapshot_runs") + " WHERE source = 'api')"
	}
	err = s.readOne(ctx, "read reconciliation_runs", `SELECT assumeNotNull(as_of)
FROM `+s.tables.Table("reconciliation_runs")+` FINAL WHERE state = 'complete' AND as_of <= now64(3)`+only+`
ORDER BY as_of DESC LIMIT 1`, nil, &asOf)
	return asOf, err
}

// LastRun describes the newest complete run of the API, of any process. Runs over files
// do not count: a file may cover a few days, and does not show that the API answers.
// Runs that completed in the future do not count either: their clock was wrong.
type LastRun struct {
	CompletedAt time.Time // zero where no run has completed; then the rest is empty
	// SucceededAt is when the newest complete run completed that compared something, or had
	// nothing to compare.
	SucceededAt        time.Time
	Compared           uint64
	Candidates         uint64
	NotCompared        map[string]uint64
	TombstonesWithheld uint64
	Open               map[Kind]uint64 // differences that are open now
}

// lastRunLimit limits the retries of LastRun. The schedule asks again after it.
const lastRunLimit = time.Minute

// LastRun reads it from the tables. It retries what passes by itself.
func (r *Reconciler) LastRun(ctx context.Context) (LastRun, error) {
	var last LastRun
	err := statement.Retry(ctx, r.Log, "read the last reconciliation", lastRunLimit, func(ctx context.Context) (err error) {
		last, err = r.readLastRun(ctx)
		return err
	})
	return last, err
}

func (r *Reconciler) readLastRun(ctx context.Context) (LastRun, error) {
	last := LastRun{NotCompared: map[string]uint64{}, Open: map[Kind]uint64{}}
	complete := " FROM " + r.Tables.Table("reconciliation_runs") +
		" FINAL WHERE state = 'complete' AND completed_at <= fromUnixTimestamp64Milli({now:Int64}, 'UTC') AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM " + r.Tables.Table("snapshot_runs") +
		" WHERE source = 'api')"
	const newest = " ORDER BY completed_at DESC, run_id DESC LIMIT 1"
	now := clickhouse.Parameters{"now": strconv.FormatInt(r.Now().UnixMilli(), 10)}
	one := func(query string, into ...any) error {
		return statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(now)), r.Conn, query, func(row driver.Rows) error { return row.Scan(into...) })
	}
	var snapshot uuid.UUID
	err := one("SELECT ifNull(completed_at, written_at), compared, candidates, not_compared, assumeNotNull(snapshot_id)"+complete+newest,
		&last.CompletedAt, &last.Compared, &last.Candidates, &last.NotCompared, &snapshot)
	if err == nil && !last.CompletedAt.IsZero() {
		err = one("SELECT ifNull(completed_at, written_at)"+complete+" AND NOT nothing_compared"+newest, &last.SucceededAt)
	}
	if err == nil && !last.CompletedAt.IsZero() {
		err = one("SELECT tombstones_withheld FROM "+r.Tables.Table("snapshot_runs")+" FINAL WHERE snapshot_id = toUUID('"+snapshot.String()+"')", &last.TombstonesWithheld)
	}
	if err != nil {
		return LastRun{}, fmt.Errorf("read the last reconciliation: %w", err)
	}
	if last.CompletedAt.IsZero() {
		return last, nil
	}
	open := "SELECT kind, count() FROM " + r.Tables.Table("drift") + " FINAL WHERE closed_at IS NULL GROUP BY kind"
	err = statement.Each(ctx, r.Conn, open, func(row driver.Rows) error {
		var kind string
		var count uint64
		if err := row.Scan(&kind, &count); err != nil {
			return err
		}
		last.Open[Kind(kind)] = count
		return nil
	})
	if err != nil {
		return LastRun{}, fmt.Errorf("count open drift: %w", err)
	}
	return last, nil
}
