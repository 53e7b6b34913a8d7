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

// errTaken says that a snapshot was given up by somebody else while it was read.
var errTaken = errors.New("the snapshot was dropped while it was read, since nothing had been heard of it for long; run it again")

// sweeper is what reads the API: *piano.Client.
type sweeper interface {
	Sweep(ctx context.Context, page func([]piano.Subscription) error) (piano.SweepReport, error)
}

// fromAPI reads a snapshot from the API and stores it whole. After an error there
// is none that any view shows; what was stored of it is dropped by a later prune.
func (s *store) fromAPI(ctx context.Context, api sweeper) (summary, error) {
	w, err := s.begin(ctx, sourceAPI, s.now())
	if err != nil {
		return summary{}, err
	}
	report, err := api.Sweep(ctx, func(page []piano.Subscription) error {
		for _, one := range page {
			if err := w.add(ctx, FromAPI(one), one.Internal); err != nil {
				return err
			}
		}
		w.of.Pages++
		return w.beat(ctx)
	})
	if err == nil {
		w.of.Pages = uint64(report.Pages) // with those that only asked for a total
	}
	return w.end(ctx, err)
}

// writing is a snapshot that is being read.
type writing struct {
	store *store
	of    summary
	rows  []stamped
	sent  uint64
	last  time.Time // the latest synced_at: they never go back, so the row read last stays
	heard time.Time // when its state was last written
}

// stamped is a row, and when it was read.
type stamped struct {
	Row
	internal bool
	at       time.Time
}

const (
	blockRows = 10_000          // rows of one insert: a few megabytes
	beatEvery = time.Minute     // how often the state says that it is still being read
	staleFrom = 1 * time.Hour   // silence after which it is not: longer than any answer of the API is waited for
	lastWords = 5 * time.Second // for the state of a snapshot whose context has ended
)

func (s *store) begin(ctx context.Context, source string, asOf time.Time) (*writing, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id for a snapshot: %w", err)
	}
	w := &writing{store: s, of: summary{ID: id, Source: source, AsOf: asOf.UTC().Truncate(time.Millisecond)}, heard: s.now()}
	return w, s.record(ctx, stateBegun, w.of, "")
}

// add takes one row in. The same subscription may come again: the last one stays.
func (w *writing) add(ctx context.Context, r Row, internal bool) error {
	if internal {
		r = Row{SubscriptionID: r.SubscriptionID}
	} else if r.UnreadPlan {
		w.of.UnreadPlans++
	}
	if now := w.store.now().UTC(); now.After(w.last) {
		w.last = now
	}
	w.rows = append(w.rows, stamped{r, internal, w.last})
	if len(w.rows) >= blockRows {
		return w.flush(ctx)
	}
	return nil
}

const snapshotColumns = "snapshot_id, subscription_id, user_id, started_at, billing_period, subscription_status, term_type, " +
	"regular_price, autorenew, autorenew_disabled_at, expiry_reason, currency, next_bill_at, ended_at, tombstone, filtered, synced_at"

func (w *writing) flush(ctx context.Context) error {
	if len(w.rows) == 0 {
		return nil
	}
	err := w.store.insert(ctx, "subscription_snapshots", snapshotColumns, len(w.rows), func(i int) []any {
		r := &w.rows[i]
		return []any{w.of.ID, r.SubscriptionID, r.UserID, r.StartedAt, known(r.BillingPeriod), r.Status, known(r.TermType),
			r.RegularPrice, r.AutoRenew, r.AutoRenewDisabledAt, known(r.ExpiryReason), known(r.Currency), r.NextBillAt, r.EndedAt,
			false, r.internal, r.at}
	})
	if err != nil {
		return err
	}
	w.sent += uint64(len(w.rows))
	w.rows = w.rows[:0]
	return nil
}

// known is a text as a column that may be NULL takes it.
func known(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// beat says now and then that the snapshot is still being read.
func (w *writing) beat(ctx context.Context) error {
	if w.store.now().Sub(w.heard) < beatEvery {
		return nil
	}
	w.heard = w.store.now()
	w.of.Rows = w.sent
	return w.store.record(ctx, stateBegun, w.of, "")
}

// end makes the snapshot complete, or failed where reading it has.
func (w *writing) end(ctx context.Context, err error) (summary, error) {
	if err == nil {
		err = w.complete(ctx)
	}
	if err == nil {
		return w.of, nil
	}
	// Nothing depends on these words: prune finds a snapshot without them too.
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	if lost := w.store.record(last, stateFailed, w.of, err.Error()); lost != nil {
		w.store.log.Warn("a failed snapshot could not be marked so; it is dropped later all the same",
			zap.Stringer("snapshot_id", w.of.ID), zap.Error(lost))
	}
	return summary{}, err
}

func (w *writing) complete(ctx context.Context) error {
	w.store.progress.Report(progress.Step{Name: "complete the snapshot"})
	if err := w.flush(ctx); err != nil {
		return err
	}
	if err := w.count(ctx); err != nil {
		return err
	}
	all, err := w.store.runs(ctx)
	if err != nil {
		return err
	}
	taken := true
	for _, one := range all {
		taken = taken && (one.ID != w.of.ID || one.State != stateBegun)
	}
	if taken {
		return errTaken
	}
	if w.of.Source == sourceAPI { // a file may be of some days only: absence from it says nothing
		err = w.bury(ctx, earlier(all, w.of.AsOf))
	}
	if err == nil {
		err = w.judge(ctx, all)
	}
	if err != nil {
		return err
	}
	w.of.CompletedAt = w.store.now().UTC()
	return w.store.record(ctx, stateComplete, w.of, "")
}

// count fills in what the table knows better than the reader.
func (w *writing) count(ctx context.Context) error {
	table, filtered := w.store.tables.Table("subscription_snapshots"), w.store.tables.Table("filtered_subscriptions")
	query := `SELECT count(), countIf(filtered OR subscription_id GLOBAL IN (SELECT subscription_id FROM ` + filtered + `))
FROM ` + table + ` FINAL WHERE snapshot_id = {id:UUID}`
	var all uint64
	err := w.store.readOne(ctx, "count a snapshot", query, clickhouse.Parameters{"id": w.of.ID.String()}, &all, &w.of.Filtered)
	w.of.Rows, w.of.Repeated = all-w.of.Filtered, w.sent-min(all, w.sent)
	return err
}
