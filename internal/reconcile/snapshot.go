package reconcile

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/progress"
)

const (
	blockRows         = 10_000          // rows of one insert: a few megabytes
	heartbeatInterval = time.Minute     // between two records that say a snapshot is still being read
	snapshotTimeout   = 1 * time.Hour   // without a heartbeat, then it is dropped; longer than any wait for the API
	finalWriteTimeout = 5 * time.Second // for the last state of something whose context has ended
)

// errNoSubscription: the API lists none although it did before. A view must not become empty
// because of a wrong application or a token without the right.
var errNoSubscription = errors.New("the API lists no subscription, although the snapshot before has some: check piano.aid and the rights of piano.api_token; " +
	"if all were deleted in Piano, run pianola reconcile --accept-deletions with their number")

var errSnapshotExpired = errors.New("store the snapshot: it had no heartbeat for too long and was dropped; run again")

// sweeper reads the API: *piano.Client.
type sweeper interface {
	Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error)
}

// fromAPI reads the API and stores a snapshot. After an error no view shows it, and a
// later prune drops its rows.
//
// acceptDeletions is how many absent subscriptions the operator accepts as deleted.
func (s *store) fromAPI(ctx context.Context, api sweeper, acceptDeletions uint64) (summary, error) {
	w, err := s.newSnapshot(ctx, sourceAPI, s.now())
	if err != nil {
		return summary{}, err
	}
	w.acceptDeletions = acceptDeletions
	report, err := api.Sweep(ctx, func(page []piano.Subscription) error {
		for _, one := range page {
			if err := w.add(ctx, FromAPI(one), one.Internal); err != nil {
				return err
			}
		}
		w.snapshot.Pages++
		return w.heartbeat(ctx)
	})
	if err == nil {
		w.snapshot.Pages = uint64(report.Pages) // includes those that only asked for a total
		w.snapshot.WithoutID = uint64(report.WithoutID)
	}
	if report.Unreadable > 0 {
		s.log.Warn("the API returned unreadable subscriptions, they are not compared and not shown",
			zap.Int("rows", report.Unreadable), zap.Int("without_id", report.WithoutID), zap.NamedError("first", report.Problem))
	}
	return w.finish(ctx, err)
}

// snapshotWriter stores the rows of one snapshot.
type snapshotWriter struct {
	store    *store
	snapshot summary
	rows     []timedRow
	inserted uint64
	// suppressed are the subscriptions of erased people that were left out.
	suppressed uint64
	// acceptDeletions: see writeTombstones.
	acceptDeletions uint64
	lastSynced      time.Time // the latest synced_at; it never goes back, so that the last row wins (A4)
	lastHeartbeat   time.Time
}

// timedRow is a row and the time at which it was read.
type timedRow struct {
	Row
	internal bool
	at       time.Time
}

func (s *store) newSnapshot(ctx context.Context, source string, asOf time.Time) (*snapshotWriter, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("create a snapshot id: %w", err)
	}
	w := &snapshotWriter{store: s, snapshot: summary{ID: id, Source: source, AsOf: asOf.UTC().Truncate(time.Millisecond)}, lastHeartbeat: s.now()}
	return w, s.recordSnapshot(ctx, stateBegun, w.snapshot, "")
}

// add takes one row. When a subscription comes again, the last row wins.
//
// The subscription of an erased person leaves nothing, as if neither side had it: its
// events are gone too.
func (w *snapshotWriter) add(ctx context.Context, r Row, internal bool) error {
	if w.store.suppressed(r.SubscriptionID, r.UserID) {
		w.suppressed++
		return nil
	}
	if internal {
		r = Row{SubscriptionID: r.SubscriptionID}
	} else if r.UnreadPlan {
		w.snapshot.UnreadPlans++
	}
	if now := w.store.now().UTC(); now.After(w.lastSynced) {
		w.lastSynced = now
	}
	w.rows = append(w.rows, timedRow{r, internal, w.lastSynced})
	if len(w.rows) >= blockRows {
		return w.flush(ctx)
	}
	return nil
}

const snapshotColumns = "snapshot_id, subscription_id, user_id, started_at, billing_period, subscription_status, term_type, " +
	"regular_price, autorenew, autorenew_disabled_at, expiry_reason, currency, next_bill_at, ended_at, tombstone, filtered, unreadable, synced_at"

func (w *snapshotWriter) flush(ctx context.Context) error {
	if len(w.rows) == 0 {
		return nil
	}
	err := w.store.insert(ctx, "subscription_snapshots", snapshotColumns, len(w.rows), func(i int) []any {
		r := &w.rows[i]
		return []any{w.snapshot.ID, r.SubscriptionID, r.UserID, r.StartedAt, nullable(r.BillingPeriod), r.Status, nullable(r.TermType),
			r.RegularPrice, r.AutoRenew, r.AutoRenewDisabledAt, nullable(r.ExpiryReason), nullable(r.Currency), r.NextBillAt, r.EndedAt,
			false, r.internal, r.Unreadable, r.at}
	})
	if err != nil {
		return err
	}
	w.inserted += uint64(len(w.rows))
	w.rows = w.rows[:0]
	return nil
}

// nullable is a text for a Nullable column: empty is NULL.
func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// heartbeat records once a minute that the snapshot is still being read.
func (w *snapshotWriter) heartbeat(ctx context.Context) error {
	if w.store.now().Sub(w.lastHeartbeat) < heartbeatInterval {
		return nil
	}
	w.lastHeartbeat = w.store.now()
	w.snapshot.Rows = w.inserted
	return w.store.recordSnapshot(ctx, stateBegun, w.snapshot, "")
}

// finish completes the snapshot, or records it as failed after an error.
func (w *snapshotWriter) finish(ctx context.Context, err error) (summary, error) {
	if err == nil {
		err = w.complete(ctx)
	}
	if err == nil {
		return w.snapshot, nil
	}
	// Nothing depends on this record: prune also finds a snapshot without it.
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), finalWriteTimeout)
	defer cancel()
	if lost := w.store.recordSnapshot(final, stateFailed, w.snapshot, err.Error()); lost != nil {
		w.store.log.Warn("state of failed snapshot not recorded, it is dropped after an hour",
			zap.Stringer("snapshot_id", w.snapshot.ID), zap.Error(lost))
	}
	return summary{}, err
}

func (w *snapshotWriter) complete(ctx context.Context) error {
	w.store.progress.Report(progress.Step{Name: "complete the snapshot"})
	if err := w.flush(ctx); err != nil {
		return err
	}
	if w.suppressed > 0 {
		w.store.log.Info("subscriptions of erased people left out", zap.Uint64("rows", w.suppressed))
	}
	if err := w.count(ctx); err != nil {
		return err
	}
	all, err := w.store.snapshots(ctx)
	if err != nil {
		return err
	}
	expired := true
	for _, one := range all {
		expired = expired && (one.ID != w.snapshot.ID || one.State != stateBegun)
	}
	if expired {
		return errSnapshotExpired
	}
	if w.snapshot.Source == sourceAPI && w.inserted == 0 {
		if before := earlierSnapshots(all, w.snapshot.AsOf); len(before) > 0 && before[0].Rows+before[0].Filtered > w.acceptDeletions {
			return errNoSubscription
		}
	}
	if w.snapshot.Source == sourceAPI { // a file may cover some days only: absence from it shows nothing
		err = w.writeTombstones(ctx, earlierSnapshots(all, w.snapshot.AsOf))
	}
	if err == nil {
		err = w.decideWhole(ctx, all)
	}
	if err != nil {
		return err
	}
	w.snapshot.CompletedAt = w.store.now().UTC()
	return w.store.recordSnapshot(ctx, stateComplete, w.snapshot, "") // I1: last
}

// count sets the counts that only the table knows.
func (w *snapshotWriter) count(ctx context.Context) error {
	table, internal := w.store.tables.Table("subscription_snapshots"), w.store.tables.Table("internal_subscriptions")
	query := `SELECT count(), countIf(unreadable), countIf(filtered OR subscription_id GLOBAL IN (SELECT subscription_id FROM ` + internal + `))
FROM ` + table + ` FINAL WHERE snapshot_id = {id:UUID}`
	var all uint64
	err := w.store.readOne(ctx, "count a snapshot", query, clickhouse.Parameters{"id": w.snapshot.ID.String()}, &all, &w.snapshot.Unreadable, &w.snapshot.Filtered)
	w.snapshot.Rows, w.snapshot.Repeated = all-w.snapshot.Filtered, w.inserted-min(all, w.inserted)
	return err
}
