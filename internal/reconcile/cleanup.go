package reconcile

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"
)

// runTimeout is how long after its last record a run counts as killed: longer than
// phases 3 to 5 take together.
const runTimeout = 24 * time.Hour

// cleanup drops old snapshots and what killed runs left. What it cannot drop now a
// later run drops.
func (r *run) cleanup(ctx context.Context) {
	if err := r.store.prune(ctx); err != nil {
		r.Log.Warn("old snapshots not dropped, a later run retries", zap.Error(err))
	}
	if err := r.store.dropLeftovers(ctx); err != nil {
		r.Log.Warn("comparisons of killed runs not dropped, a later run retries", zap.Error(err))
	}
}

// dropComparisons drops the results of this run, also after ctx has ended.
func (r *run) dropComparisons(ctx context.Context) {
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalWriteTimeout)
	defer cancel()
	if err := r.store.dropWork(final, r.record.id); err != nil {
		r.Log.Warn("comparisons not dropped, a later run retries", zap.Stringer("run_id", r.record.id), zap.Error(err))
	}
}

// dropWork drops the rows of a run from the working tables.
func (s *store) dropWork(ctx context.Context, run uuid.UUID) error {
	for _, table := range []string{"reconciliation_comparisons", "reconciliation_targets"} {
		if err := s.drop(ctx, table, run); err != nil {
			return err
		}
	}
	return nil
}

// dropLeftovers drops the comparisons of runs that ended or timed out.
func (s *store) dropLeftovers(ctx context.Context) error {
	type leftover struct {
		run       uuid.UUID
		state     string
		writtenAt time.Time
	}
	left, err := read(ctx, s, "look for leftovers", `SELECT c.run_id, toString(r.state), r.written_at
FROM (SELECT DISTINCT run_id FROM `+s.tables.Table("reconciliation_comparisons")+` UNION DISTINCT SELECT DISTINCT run_id FROM `+s.tables.Table("reconciliation_targets")+`) AS c
LEFT JOIN (SELECT * FROM `+s.tables.Table("reconciliation_runs")+` FINAL) AS r ON c.run_id = r.run_id
SETTINGS join_use_nulls = 0`, nil, func(row driver.Rows, one *leftover) error {
		return row.Scan(&one.run, &one.state, &one.writtenAt)
	})
	for _, one := range left {
		if one.state == stateBegun && s.now().Sub(one.writtenAt) <= runTimeout {
			continue
		}
		if err := s.dropWork(ctx, one.run); err != nil {
			return err
		}
	}
	return err
}

// prune drops what no reader needs: failed snapshots, those without a heartbeat for an
// hour, and complete ones beyond the newest of their source that are kept. It may be
// interrupted, and two may prune at the same time.
func (s *store) prune(ctx context.Context) error {
	all, err := s.snapshots(ctx)
	if err != nil {
		return err
	}
	complete, needed, shown := map[string]int{}, neededForTombstones(all), shownByViews(all)
	for _, one := range all {
		switch one.State {
		case stateComplete:
			if one.Future {
				continue
			}
			if complete[one.Source]++; complete[one.Source] <= s.keep || needed[one.ID] || shown[one.ID] {
				continue
			}
		case stateBegun:
			if s.now().Sub(one.WrittenAt) < snapshotTimeout {
				continue
			}
		}
		for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits"} {
			if err := s.drop(ctx, table, one.ID); err != nil {
				return err
			}
		}
		// The state comes last: a process killed before it leaves the snapshot to the next
		// prune. No view shows the rest of it, since newer snapshots exist.
		if err := s.recordSnapshot(ctx, stateDropped, one.summary, ""); err != nil {
			return err
		}
		s.log.Info("snapshot dropped", zap.Stringer("snapshot_id", one.ID), zap.String("state", one.State), zap.Time("as_of", one.AsOf))
	}
	return nil
}

// neededForTombstones are the snapshots that decide about the next one's tombstones: the
// newest, the latest with tombstones, and the base.
func neededForTombstones(all []snapshotRecord) map[uuid.UUID]bool {
	needed := map[uuid.UUID]bool{}
	var api []snapshotRecord
	for _, one := range all {
		if one.complete() && one.Source == sourceAPI {
			api = append(api, one)
		}
	}
	if len(api) > 0 {
		needed[api[0].ID] = true
	}
	for i := latestWithTombstones(api); i < min(latestWithTombstones(api)+2, len(api)); i++ {
		needed[api[i].ID] = true
	}
	return needed
}

// shownByViews are the snapshots that views show until a later whole one comes, also
// when many files of some days have come since.
func shownByViews(all []snapshotRecord) map[uuid.UUID]bool {
	shown := map[uuid.UUID]bool{}
	for _, condition := range []func(snapshotRecord) bool{
		func(snapshotRecord) bool { return true },
		func(one snapshotRecord) bool { return one.Source == sourceCSV }, // for subscription_traits
	} {
		if one, ok := latestWhole(all, condition); ok {
			shown[one.ID] = true
		}
	}
	return shown
}
