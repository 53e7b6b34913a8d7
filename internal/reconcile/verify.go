package reconcile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
)

// maxUnansweredInARow separates a fault of the API from one of single subscriptions.
const maxUnansweredInARow = 5

// verify asks the API again about candidates and compares the answers with the same
// statement. The answers are rows of a snapshot that never completes. A subscription
// with events since then becomes recent. Candidates of a file stay unverified: the file
// may be of another day.
func (r *run) verify(ctx context.Context) error {
	if r.snapshot.Source != sourceAPI || r.cfg.Verify == 0 {
		return nil
	}
	ids, err := r.chooseCandidates(ctx)
	if err != nil || len(ids) == 0 {
		return err
	}
	answers, err := r.store.newSnapshot(ctx, sourceGet, r.snapshot.AsOf)
	if err != nil {
		return err
	}
	// After an error prune drops the answers.
	asked, err := r.askAgain(ctx, ids, answers)
	if err != nil {
		return err
	}
	for _, step := range []func() error{
		func() error { return r.markAsked(ctx, asked) },
		func() error { return r.copyTombstones(ctx, answers) },
		func() error { return r.markEffects(ctx) },
		func() error {
			return r.store.write(ctx, "compare answers", r.parameters(roundAnswers, answers.snapshot.ID), r.statements.compareAnswers)
		},
		func() error { return r.store.drop(ctx, "subscription_snapshots", answers.snapshot.ID) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return r.store.recordSnapshot(ctx, stateDropped, answers.snapshot, "")
}

// askAgain stores the API's answers. A subscription that no longer exists leaves no row
// and counts as missing. One that the API does not answer for, or not readably, stays
// unverified. Several of these in a row end the run, as any other error does: it would
// end every further request too.
func (r *run) askAgain(ctx context.Context, ids []string, into *snapshotWriter) (asked []string, err error) {
	unanswered := 0 // in a row
	done := r.store.progress.Count("ask Piano again about differences", "subscriptions", uint64(len(ids)))
	for _, id := range ids {
		one, err := r.API.Get(ctx, id)
		single := concernsOneSubscription(err)
		if unanswered++; !single {
			unanswered = 0
		}
		done.Add(1)
		switch {
		case errors.Is(err, piano.ErrNotFound):
		case single && unanswered < maxUnansweredInARow:
			r.Log.Warn("subscription not verified", zap.Error(err))
			continue
		case err != nil:
			return nil, fmt.Errorf("ask again about a subscription: %w", err)
		case one.ID != id:
			r.Log.Warn("subscription not verified, the API answered with another one")
			continue
		default:
			if err := into.add(ctx, FromAPI(one), one.Internal); err != nil {
				return nil, err
			}
		}
		asked = append(asked, id)
		if err := into.heartbeat(ctx); err != nil {
			return nil, err
		}
	}
	return asked, into.flush(ctx)
}

// concernsOneSubscription reports whether an error may concern one subscription alone:
// an unreadable answer, a failure of the API, or a code. A rejected token concerns all.
func concernsOneSubscription(err error) bool {
	var answered *piano.Error
	return errors.Is(err, piano.ErrShape) || errors.Is(err, piano.ErrBusy) ||
		errors.As(err, &answered) && answered.Code != 0 && !errors.Is(err, piano.ErrAccess) && !errors.Is(err, piano.ErrNotFound)
}

// markAsked records which subscriptions the API was asked about.
func (r *run) markAsked(ctx context.Context, asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	return r.store.insert(ctx, "reconciliation_comparisons", "run_id, subscription_id, round, not_compared, differences", len(asked), func(i int) []any {
		return []any{r.record.id, asked[i], uint8(roundAsked), "", []any{}}
	})
}

// copyTombstones copies the tombstones of subscriptions that the API still does not
// have: they were compared as deleted, and are again.
func (r *run) copyTombstones(ctx context.Context, answers *snapshotWriter) error {
	if r.snapshot.Tombstones == 0 {
		return nil
	}
	table := r.store.tables.Table("subscription_snapshots")
	return r.store.write(ctx, "copy tombstones", clickhouse.Parameters{
		"answers": answers.snapshot.ID.String(), "snapshot": r.snapshot.ID.String(), "run": r.record.id.String(),
	}, `INSERT INTO `+table+` (`+snapshotColumns+`)
SELECT `+strings.Replace(snapshotColumns, "snapshot_id", "{answers:UUID}", 1)+` FROM `+table+` FINAL
WHERE snapshot_id = {snapshot:UUID} AND tombstone
	AND subscription_id GLOBAL IN (SELECT subscription_id FROM `+r.store.tables.Table("reconciliation_comparisons")+` WHERE run_id = {run:UUID} AND round = 1)
	AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `+table+` WHERE snapshot_id = {answers:UUID})`)
}

// chooseCandidates draws at most reconcile.verify subscriptions. Each kind in turn gives
// one, so that a kind with a million of them leaves room for the others. Ids that hold
// an e-mail address are stored as hashes: the API cannot be asked about these.
func (r *run) chooseCandidates(ctx context.Context) ([]string, error) {
	type sample struct {
		kind string
		ids  []string
	}
	seed := strconv.FormatUint(binary.BigEndian.Uint64(r.record.id[8:]), 10) // another sample in each run
	all, err := read(ctx, r.store, "choose candidates", `SELECT toString(kind), groupArraySample(`+strconv.Itoa(r.cfg.Verify)+`, `+seed+`)(subscription_id)
FROM (SELECT subscription_id, d.kind AS kind FROM `+r.store.tables.Table("reconciliation_comparisons")+` FINAL ARRAY JOIN differences AS d
	WHERE run_id = {run:UUID} AND round = 0 AND NOT d.agrees AND position(subscription_id, 'sha256:') = 0)
GROUP BY kind`, clickhouse.Parameters{"run": r.record.id.String()}, func(row driver.Rows, one *sample) error { return row.Scan(&one.kind, &one.ids) })
	byKind := map[Kind][]string{}
	for _, one := range all {
		byKind[Kind(one.kind)] = one.ids
	}
	return roundRobin(byKind, r.cfg.Verify), err
}

// roundRobin takes one id of each kind in the order of Kinds, then a second one, and so
// on, each id once.
func roundRobin(byKind map[Kind][]string, limit int) []string {
	var chosen []string
	seen := map[string]bool{}
	for i, left := 0, true; left; i++ {
		left = false
		for _, k := range Kinds() {
			if i >= len(byKind[k]) {
				continue
			}
			left = true
			if id := byKind[k][i]; !seen[id] && len(chosen) < limit {
				seen[id] = true
				chosen = append(chosen, id)
			}
		}
	}
	return chosen
}
