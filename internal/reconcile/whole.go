package reconcile

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"go.uber.org/zap"
)

// mostLacking is how many of the subscriptions that were there before a whole file
// may lack, in percent: as many as may be deleted at once.
const mostLacking = mostBuried

// judge says whether a snapshot that has all its rows has every subscription, so that
// views may show it in place of the one before. The API always tells of all. A file
// does not say what it was exported for, so it is held against the latest whole
// snapshot of an earlier moment: one of some days lacks most of what that one has.
// Without one a file is not known to be whole; then the views show the latest there is.
//
// A file is compared within the days that it reaches all the same: what it lacks
// within the percentage is not known to be missing.
func (w *writing) judge(ctx context.Context, all []recorded) error {
	if w.of.Whole = w.of.Source == sourceAPI; w.of.Whole {
		return nil
	}
	before, ok := latestWhole(all, func(one recorded) bool { return one.AsOf.Before(w.of.AsOf) })
	if !ok {
		return nil
	}
	parameters := clickhouse.Parameters{"id": w.of.ID.String(), "before": before.ID.String()}
	lacking, err := w.tombstones(ctx, "snapshot_id = {before:UUID} AND NOT tombstone", parameters, false)
	if err != nil {
		return err
	}
	had := before.Rows + before.Filtered
	if w.of.Whole = lacking*100 <= mostLacking*had; !w.of.Whole {
		w.store.log.Info("the file has some subscriptions only: the views go on showing the whole snapshot before it",
			zap.Uint64("lacking", lacking), zap.Uint64("of", had), zap.Stringer("snapshot_id", w.of.ID), zap.Stringer("shown", before.ID))
	}
	return nil
}

// latestWhole is the first of all that is complete, whole and meets a condition.
func latestWhole(all []recorded, is func(recorded) bool) (recorded, bool) {
	for _, one := range all {
		if one.State == stateComplete && one.Whole && is(one) {
			return one, true
		}
	}
	return recorded{}, false
}

// shownBy are the snapshots that views may show for want of a later whole one,
// however many of some days have come since.
func shownBy(all []recorded) map[uuid.UUID]bool {
	shown := map[uuid.UUID]bool{}
	for _, is := range []func(recorded) bool{
		func(recorded) bool { return true },
		func(one recorded) bool { return one.Source == sourceCSV }, // of subscription_traits
	} {
		if one, ok := latestWhole(all, is); ok {
			shown[one.ID] = true
		}
	}
	return shown
}
