package reconcile

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"
)

// mostBuried is how many of the subscriptions may get a tombstone at once, in
// percent: more than that are not deleted in a day, the API has not told of them.
const mostBuried = 2

// earlier are the complete snapshots of the API that speak of an earlier moment,
// the latest first.
func earlier(all []recorded, than time.Time) []recorded {
	var found []recorded
	for _, one := range all {
		if one.State == stateComplete && one.Source == sourceAPI && one.AsOf.Before(than) {
			found = append(found, one)
		}
	}
	return found
}

// base is the snapshot that absence is told from: the one before the previous one.
// Where tombstones were withheld from a snapshot, what its own base had is still
// to be judged, so the base stays.
func base(previous []recorded) (recorded, bool) {
	if i := settled(previous) + 1; i < len(previous) {
		return previous[i], true
	}
	return recorded{}, false
}

// settled is the place of the latest snapshot from which no tombstone was withheld.
func settled(previous []recorded) int {
	i := 0
	for i < len(previous) && previous[i].TombstonesWithheld > 0 {
		i++
	}
	return i
}

// bury puts tombstones into a snapshot that has all its rows: those of the previous
// one stay, and a subscription that neither that one nor this one has gets one.
// previous is what earlier gives.
func (w *writing) bury(ctx context.Context, previous []recorded) error {
	if len(previous) == 0 {
		return nil
	}
	parameters := clickhouse.Parameters{"id": w.of.ID.String(), "previous": previous[0].ID.String(), "base": previous[0].ID.String()}
	stays := "snapshot_id = {base:UUID} AND tombstone"
	if _, err := w.tombstones(ctx, stays, parameters, true); err != nil {
		return err
	}
	from, ok := base(previous)
	if ok {
		parameters["base"] = from.ID.String()
		table := w.store.tables.Table("subscription_snapshots")
		comes := "snapshot_id = {base:UUID} AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM " + table +
			" WHERE snapshot_id = {previous:UUID} AND " + ofBucket + ")"
		n, err := w.tombstones(ctx, comes, parameters, false)
		if err != nil {
			return err
		}
		if n*100 > mostBuried*(from.Rows+from.Filtered) {
			w.of.TombstonesWithheld = n
			w.store.log.Error("too many subscriptions are absent from two snapshots in a row: none of them is taken for deleted; "+
				"look at whether the API still lists them (piano.aid, the token's rights)",
				zap.Uint64("absent", n), zap.Uint64("of", from.Rows+from.Filtered), zap.Stringer("snapshot_id", w.of.ID))
		} else if _, err := w.tombstones(ctx, comes, parameters, true); err != nil {
			return err
		}
	}
	query := "SELECT count() FROM " + w.store.tables.Table("subscription_snapshots") + " FINAL WHERE snapshot_id = {id:UUID} AND tombstone"
	return w.store.readOne(ctx, "count tombstones", query, clickhouse.Parameters{"id": w.of.ID.String()}, &w.of.Tombstones)
}

// ofBucket keeps the sets that ClickHouse holds in memory small.
const ofBucket = "cityHash64(subscription_id) % {buckets:UInt64} = {bucket:UInt64}"

// rowsOfBucket is about how many rows of a snapshot one statement looks at.
const rowsOfBucket = 200_000

// tombstones counts the rows of another snapshot that meet a condition and that
// this one has nothing of, or puts tombstones for them into this one.
func (w *writing) tombstones(ctx context.Context, of string, parameters clickhouse.Parameters, write bool) (uint64, error) {
	table := w.store.tables.Table("subscription_snapshots")
	from := ` FROM ` + table + ` FINAL WHERE ` + of + ` AND ` + ofBucket + `
	AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM ` + table + ` WHERE snapshot_id = {id:UUID} AND ` + ofBucket + `)`
	count := `SELECT count()` + from
	bury := `INSERT INTO ` + table + ` (` + snapshotColumns + `)
SELECT {id:UUID}, subscription_id, user_id, started_at, billing_period, 'deleted', term_type,
	regular_price, NULL, autorenew_disabled_at, 'absent_from_api', currency, NULL, ended_at, true, filtered, {now:DateTime64(3, 'UTC')}` + from

	buckets := 1 + (w.of.Rows+w.of.Filtered)/rowsOfBucket
	parameters["buckets"], parameters["now"] = strconv.FormatUint(buckets, 10), w.store.now().UTC().Format("2006-01-02 15:04:05.000")
	var total uint64
	for bucket := range buckets {
		parameters["bucket"] = strconv.FormatUint(bucket, 10)
		if write {
			if err := w.store.write(ctx, "write tombstones", parameters, bury); err != nil {
				return 0, err
			}
			continue
		}
		var n uint64
		if err := w.store.readOne(ctx, "look for absent subscriptions", count, parameters, &n); err != nil {
			return 0, fmt.Errorf("snapshot %v: %w", w.of.ID, err)
		}
		total += n
	}
	return total, nil
}
