package reconcile

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
)

// maxTombstonePercent and maxTombstonesOfFew are safety limits: when more subscriptions
// vanish at once, assume a fault of the API and write no tombstones. The second is for a
// small set, where one subscription may be more than the percentage.
const (
	maxTombstonePercent = 2
	maxTombstonesOfFew  = 5
)

// plausible reports whether n of had subscriptions may have been deleted at once. Half of
// them is too many, however few they are.
func plausible(n, had uint64) bool {
	return n*100 <= maxTombstonePercent*had || n <= maxTombstonesOfFew && 2*n <= had
}

// maxAbsentPercent limits how many subscriptions of the snapshot before are absent from
// a whole file: no more than can be deleted at once.
const maxAbsentPercent = maxTombstonePercent

// latestWithTombstones is the index of the latest snapshot whose tombstones were not
// withheld.
func latestWithTombstones(previous []snapshotRecord) int {
	i := 0
	for i < len(previous) && previous[i].TombstonesWithheld > 0 {
		i++
	}
	return i
}

// base is the snapshot against which absence is decided: the one before the previous
// one. Where tombstones were withheld, the base stays: what it has is still undecided.
func base(previous []snapshotRecord) (snapshotRecord, bool) {
	if i := latestWithTombstones(previous) + 1; i < len(previous) {
		return previous[i], true
	}
	return snapshotRecord{}, false
}

// writeTombstones adds tombstones to a snapshot that has all its rows. Those of the
// previous one stay, and a subscription that neither that one nor this one has gets one
// (I6). previous is the result of earlierSnapshots.
func (w *snapshotWriter) writeTombstones(ctx context.Context, previous []snapshotRecord) error {
	if len(previous) == 0 {
		return nil
	}
	parameters := clickhouse.Parameters{"id": w.snapshot.ID.String(), "previous": previous[0].ID.String(), "base": previous[0].ID.String()}
	const stays = "snapshot_id = {base:UUID} AND tombstone"
	if err := w.insertTombstones(ctx, stays, parameters); err != nil {
		return err
	}
	if from, ok := base(previous); ok {
		if err := w.addTombstones(ctx, from, parameters); err != nil {
			return err
		}
	}
	query := "SELECT count() FROM " + w.store.tables.Table("subscription_snapshots") + " FINAL WHERE snapshot_id = {id:UUID} AND tombstone"
	return w.store.readOne(ctx, "count tombstones", query, clickhouse.Parameters{"id": w.snapshot.ID.String()}, &w.snapshot.Tombstones)
}

// addTombstones adds those of subscriptions that are absent since base, unless they are
// too many and the operator does not accept so many (reconcile --accept-deletions). A row
// without an id may be any of them, so with such rows none is added either.
func (w *snapshotWriter) addTombstones(ctx context.Context, base snapshotRecord, parameters clickhouse.Parameters) error {
	parameters["base"] = base.ID.String()
	absent := "snapshot_id = {base:UUID} AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM " +
		w.store.tables.Table("subscription_snapshots") + " WHERE snapshot_id = {previous:UUID} AND " + inBucket + ")"
	n, err := w.countAbsent(ctx, absent, parameters)
	if err != nil {
		return err
	}
	had := base.Rows + base.Filtered
	fields := []zap.Field{zap.Uint64("absent", n), zap.Uint64("of", had), zap.Stringer("snapshot_id", w.snapshot.ID)}
	switch {
	case n == 0:
		return nil
	case n <= w.acceptDeletions:
		w.store.log.Warn("deletions accepted by the operator", append(fields, zap.Uint64("accepted", w.acceptDeletions))...)
	case w.snapshot.WithoutID > 0:
		w.snapshot.TombstonesWithheld = n
		w.store.log.Error("tombstones withheld, the API returned rows without a readable subscription id",
			append(fields, zap.Uint64("without_id", w.snapshot.WithoutID))...)
		return nil
	case !plausible(n, had):
		w.snapshot.TombstonesWithheld = n
		w.store.log.Error("tombstones withheld, too many subscriptions are absent from two snapshots in a row; "+
			"check that the API still lists them (piano.aid, the token's rights); "+
			"if they were deleted in Piano, run `pianola reconcile --accept-deletions` with this number", fields...)
		return nil
	}
	return w.insertTombstones(ctx, absent, parameters)
}

// decideWhole decides whether a snapshot that has all its rows is whole, so that views
// show it in place of the one before. The API always lists every subscription. A file
// does not say what it was exported for, so it is compared with the latest whole
// snapshot of an earlier moment: an export of some days lacks most of it. Without such a
// snapshot the file does not count as whole; the views then show the latest there is.
//
// In both cases a file is compared only within the days that it covers: a whole one may
// lack some subscriptions, and these must not count as missing.
func (w *snapshotWriter) decideWhole(ctx context.Context, all []snapshotRecord) error {
	if w.snapshot.Whole = w.snapshot.Source == sourceAPI; w.snapshot.Whole {
		return nil
	}
	before, ok := latestWhole(all, func(one snapshotRecord) bool { return one.AsOf.Before(w.snapshot.AsOf) })
	if !ok {
		return nil
	}
	parameters := clickhouse.Parameters{"id": w.snapshot.ID.String(), "before": before.ID.String()}
	absent, err := w.countAbsent(ctx, "snapshot_id = {before:UUID} AND NOT tombstone", parameters)
	if err != nil {
		return err
	}
	had := before.Rows + before.Filtered
	if w.snapshot.Whole = absent*100 <= maxAbsentPercent*had; !w.snapshot.Whole {
		w.store.log.Info("file is partial, views continue to show the whole snapshot before it",
			zap.Uint64("absent", absent), zap.Uint64("of", had), zap.Stringer("snapshot_id", w.snapshot.ID), zap.Stringer("shown", before.ID))
	}
	return nil
}

// inBucket keeps the sets small that ClickHouse holds in memory.
const inBucket = "cityHash64(subscription_id) % {buckets:UInt64} = {bucket:UInt64}"

// rowsPerBucket is about how many rows of a snapshot one statement reads.
const rowsPerBucket = 200_000

// countAbsent counts the rows that meet a condition and whose subscription this snapshot
// does not have.
func (w *snapshotWriter) countAbsent(ctx context.Context, condition string, parameters clickhouse.Parameters) (total uint64, err error) {
	query := `SELECT count()` + w.absent(condition)
	err = w.eachBucket(parameters, func() error {
		var n uint64
		if err := w.store.readOne(ctx, "count absent subscriptions", query, parameters, &n); err != nil {
			return fmt.Errorf("snapshot %v: %w", w.snapshot.ID, err)
		}
		total += n
		return nil
	})
	return total, err
}

// insertTombstones adds a tombstone for each of these rows.
func (w *snapshotWriter) insertTombstones(ctx context.Context, condition string, parameters clickhouse.Parameters) error {
	parameters["now"] = w.store.now().UTC().Format("2006-01-02 15:04:05.000")
	insert := `INSERT INTO ` + w.store.tables.Table("subscription_snapshots") + ` (` + snapshotColumns + `)
SELECT {id:UUID}, subscription_id, user_id, started_at, billing_period, 'deleted', term_type,
	regular_price, NULL, autorenew_disabled_at, 'absent_from_api', currency, NULL, ended_at, true, filtered, false, {now:DateTime64(3, 'UTC')}` + w.absent(condition)
	return w.eachBucket(parameters, func() error { return w.store.write(ctx, "write tombstones", parameters, insert) })
}

// absent is the FROM clause of rows that meet a condition and whose subscription this
// snapshot does not have.
func (w *snapshotWriter) absent(condition string) string {
	table := w.store.tables.Table("subscription_snapshots")
	return ` FROM ` + table + ` FINAL WHERE ` + condition + ` AND ` + inBucket + `
	AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM ` + table + ` WHERE snapshot_id = {id:UUID} AND ` + inBucket + `)`
}

// eachBucket sets the parameters of each bucket in turn.
func (w *snapshotWriter) eachBucket(parameters clickhouse.Parameters, do func() error) error {
	buckets := 1 + (w.snapshot.Rows+w.snapshot.Filtered)/rowsPerBucket
	parameters["buckets"] = strconv.FormatUint(buckets, 10)
	for bucket := range buckets {
		parameters["bucket"] = strconv.FormatUint(bucket, 10)
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}
