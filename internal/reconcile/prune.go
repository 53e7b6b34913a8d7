package reconcile

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// prune drops what no reader needs any more: complete snapshots beyond the newest
// ones of their source that are kept, failed ones, and those that nobody has been
// heard reading for an hour. It may be interrupted, and two may prune at once.
func (s *store) prune(ctx context.Context) error {
	all, err := s.runs(ctx)
	if err != nil {
		return err
	}
	complete, needed, shown := map[string]int{}, neededFor(all), shownBy(all)
	for _, one := range all {
		switch one.State {
		case stateComplete:
			if complete[one.Source]++; complete[one.Source] <= s.keep || needed[one.ID] || shown[one.ID] {
				continue
			}
		case stateBegun:
			if s.now().Sub(one.WrittenAt) < staleFrom {
				continue
			}
		}
		for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits"} {
			if err := s.drop(ctx, table, one.ID); err != nil {
				return err
			}
		}
		// The state comes last: who is killed before it leaves the snapshot to the next
		// prune. No view shows one that is half gone, since newer ones are there.
		if err := s.record(ctx, stateDropped, one.summary, ""); err != nil {
			return err
		}
		s.log.Info("a snapshot was dropped", zap.Stringer("snapshot_id", one.ID), zap.String("state", one.State), zap.Time("as_of", one.AsOf))
	}
	return nil
}

// neededFor are the snapshots that the next one's tombstones are judged by: the one
// before it, and the base, with the one that says which is the base.
func neededFor(all []recorded) map[uuid.UUID]bool {
	needed := map[uuid.UUID]bool{}
	var api []recorded
	for _, one := range all {
		if one.State == stateComplete && one.Source == sourceAPI {
			api = append(api, one)
		}
	}
	if len(api) > 0 {
		needed[api[0].ID] = true
	}
	for i := settled(api); i < min(settled(api)+2, len(api)); i++ {
		needed[api[i].ID] = true
	}
	return needed
}
