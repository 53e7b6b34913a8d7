package reconcile

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"
)

// tidy drops snapshots that nobody needs any more, and what killed runs have left.
// What cannot be dropped now is dropped later.
func (r *run) tidy(ctx context.Context) {
	if err := r.store.prune(ctx); err != nil {
		r.Log.Warn("old snapshots could not be dropped", zap.Error(err))
	}
	if err := r.store.dropLeftovers(ctx); err != nil {
		r.Log.Warn("leftovers of reconciliations that were killed could not be dropped", zap.Error(err))
	}
}

// clean drops what this run has compared, also after ctx has ended.
func (r *run) clean(ctx context.Context) {
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if err := r.store.drop(last, "reconciliation_comparisons", r.record.id); err != nil {
		r.Log.Warn("what was compared could not be dropped; a later run does", zap.Stringer("run_id", r.record.id), zap.Error(err))
	}
}

// dropLeftovers drops the comparisons of runs that have ended, or have been silent
// for too long.
func (s *store) dropLeftovers(ctx context.Context) error {
	type leftover struct {
		run       uuid.UUID
		state     string
		writtenAt time.Time
	}
	left, err := read(ctx, s, "look for leftovers", `SELECT c.run_id, toString(r.state), r.written_at
FROM (SELECT DISTINCT run_id FROM `+s.tables.Table("reconciliation_comparisons")+`) AS c
LEFT JOIN (SELECT * FROM `+s.tables.Table("reconciliation_runs")+` FINAL) AS r ON c.run_id = r.run_id
SETTINGS join_use_nulls = 0`, nil, func(row driver.Rows, one *leftover) error {
		return row.Scan(&one.run, &one.state, &one.writtenAt)
	})
	for _, one := range left {
		if one.state == stateBegun && s.now().Sub(one.writtenAt) <= silentFor {
			continue
		}
		if err := s.drop(ctx, "reconciliation_comparisons", one.run); err != nil {
			return err
		}
	}
	return err
}
