package reconcile

import (
	"context"
	"time"

	"github.com/google/uuid"
)

// runRecord is one state of a run, as reconciliation_runs has it.
type runRecord struct {
	id          uuid.UUID
	state       string
	startedAt   time.Time
	completedAt *time.Time
	snapshot    *summary // nil until there is one
	report      *Report  // what is known of it
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
	agreed, not := r.report.Agreed, r.report.NotCompared
	if agreed == nil {
		agreed = map[string]uint64{}
	}
	if not == nil {
		not = map[string]uint64{}
	}
	return s.insert(ctx, "reconciliation_runs", "run_id, snapshot_id, state, started_at, completed_at, as_of, compared, drift, agreed, "+
		"not_compared, candidates, verified, problem, instance, written_at", 1, func(int) []any {
		return []any{r.id, snapshot, r.state, r.startedAt, r.completedAt, asOf, r.report.Compared, drift, agreed,
			not, r.report.Candidates, r.report.Verified, r.problem, s.instance, s.now().UTC()}
	})
}

// superseding is the moment that the snapshot of the latest complete run speaks of,
// among the runs that may take the say from one over a snapshot of this source; zero
// where there is none. A file is compared within the days that it reaches: it does not
// silence a run of the API, which is about all. What such a file has said of one
// subscription stays, since its rows speak of a later moment.
func (s *store) superseding(ctx context.Context, source string) (asOf time.Time, err error) {
	of := ""
	if source == sourceAPI {
		of = " AND snapshot_id GLOBAL IN (SELECT snapshot_id FROM " + s.tables.Table("snapshot_runs") + " WHERE source = 'api')"
	}
	err = s.readOne(ctx, "read reconciliation_runs", `SELECT assumeNotNull(as_of)
FROM `+s.tables.Table("reconciliation_runs")+` FINAL WHERE state = 'complete'`+of+`
ORDER BY as_of DESC LIMIT 1`, nil, &asOf)
	return asOf, err
}
