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

// verify asks the API again about subscriptions that differ, and compares its
// answers by the same statement: they are rows of a snapshot of their own, which
// is never complete. A subscription that has had events meanwhile becomes recent.
// A CSV's are not asked about: it may be of another day.
func (c *comparing) verify(ctx context.Context, api API) error {
	if c.snapshot.Source != sourceAPI || c.cfg.Verify == 0 {
		return nil
	}
	ids, err := c.choose(ctx)
	if err != nil || len(ids) == 0 {
		return err
	}
	answers, err := c.store.begin(ctx, sourceGet, c.snapshot.AsOf)
	if err != nil {
		return err
	}
	asked, err := c.ask(ctx, api, ids, answers)
	if err == nil {
		err = c.mark(ctx, asked)
	}
	if err == nil {
		err = c.keepTombstones(ctx, answers)
	}
	if err == nil {
		err = c.effects(ctx)
	}
	if err == nil {
		err = c.store.write(ctx, "compare answers", c.parameters(roundAnswers, answers.of.ID), c.statements.again)
	}
	if err != nil {
		return err // prune drops the answers
	}
	if err := c.store.drop(ctx, "subscription_snapshots", answers.of.ID); err != nil {
		return err
	}
	return c.store.record(ctx, stateDropped, answers.of, "")
}

// ask stores what the API answers. What it no longer has leaves no row: it is
// missing. Where the API does not answer for one subscription, or not so that it can
// be read, that one stays unverified; several in a row end the run, as any other
// error does: it would end every further question too.
func (c *comparing) ask(ctx context.Context, api API, ids []string, into *writing) (asked []string, err error) {
	unread := 0 // in a row
	done := c.store.progress.Count("ask Piano again about differences", "subscriptions", uint64(len(ids)))
	for _, id := range ids {
		done.Add(1)
		one, err := api.Get(ctx, id)
		unanswered := ofOne(err)
		if unread++; !unanswered {
			unread = 0
		}
		switch {
		case errors.Is(err, piano.ErrNotFound):
		case unanswered && unread < mostUnread:
			c.store.log.Warn("a subscription could not be asked about again and stays unverified", zap.Error(err))
			continue
		case err != nil:
			return nil, fmt.Errorf("ask again about a subscription: %w", err)
		case one.ID != id:
			c.store.log.Warn("the API answered with another subscription than it was asked about, which stays unverified")
			continue
		default:
			if err := into.add(ctx, FromAPI(one), one.Internal); err != nil {
				return nil, err
			}
		}
		asked = append(asked, id)
		if err := into.beat(ctx); err != nil {
			return nil, err
		}
	}
	return asked, into.flush(ctx)
}

// ofOne says whether an error may be of one subscription alone: an answer that
// cannot be read, a failure of the API's own, or a code. A token that is not taken is
// of all.
func ofOne(err error) bool {
	var answered *piano.Error
	return errors.Is(err, piano.ErrShape) || errors.Is(err, piano.ErrBusy) ||
		errors.As(err, &answered) && answered.Code != 0 && !errors.Is(err, piano.ErrAccess) && !errors.Is(err, piano.ErrNotFound)
}

// mark says which subscriptions were asked about.
func (c *comparing) mark(ctx context.Context, asked []string) error {
	if len(asked) == 0 {
		return nil
	}
	return c.store.insert(ctx, "reconciliation_comparisons", "run_id, subscription_id, round, not_compared, differences", len(asked), func(i int) []any {
		return []any{c.run, asked[i], uint8(roundAsked), "", []any{}}
	})
}

// keepTombstones has the tombstone of a subscription that the API still does not
// have stand for its answer: it was compared as deleted, and is so again.
func (c *comparing) keepTombstones(ctx context.Context, answers *writing) error {
	if c.snapshot.Tombstones == 0 {
		return nil
	}
	table := c.store.tables.Table("subscription_snapshots")
	return c.store.write(ctx, "keep tombstones", clickhouse.Parameters{
		"answers": answers.of.ID.String(), "snapshot": c.snapshot.ID.String(), "run": c.run.String(),
	}, `INSERT INTO `+table+` (`+snapshotColumns+`)
SELECT `+strings.Replace(snapshotColumns, "snapshot_id", "{answers:UUID}", 1)+` FROM `+table+` FINAL
WHERE snapshot_id = {snapshot:UUID} AND tombstone
	AND subscription_id GLOBAL IN (SELECT subscription_id FROM `+c.store.tables.Table("reconciliation_comparisons")+` WHERE run_id = {run:UUID} AND round = 1)
	AND subscription_id GLOBAL NOT IN (SELECT subscription_id FROM `+table+` WHERE snapshot_id = {answers:UUID})`)
}

// choose draws at most reconcile.verify subscriptions: each kind in turn gives one,
// so that a kind with a million of them leaves room for the others. An id that holds
// an address is known here by its hash alone: the API cannot be asked about it.
func (c *comparing) choose(ctx context.Context) ([]string, error) {
	type drawn struct {
		kind string
		ids  []string
	}
	seed := strconv.FormatUint(binary.BigEndian.Uint64(c.run[8:]), 10) // another draw in each run
	all, err := read(ctx, c.store, "choose what to ask about again", `SELECT toString(kind), groupArraySample(`+strconv.Itoa(c.cfg.Verify)+`, `+seed+`)(subscription_id)
FROM (SELECT subscription_id, d.kind AS kind FROM `+c.store.tables.Table("reconciliation_comparisons")+` FINAL ARRAY JOIN differences AS d
	WHERE run_id = {run:UUID} AND round = 0 AND NOT d.agrees AND position(subscription_id, 'sha256:') = 0)
GROUP BY kind`, clickhouse.Parameters{"run": c.run.String()}, func(row driver.Rows, one *drawn) error { return row.Scan(&one.kind, &one.ids) })
	byKind := map[Kind][]string{}
	for _, one := range all {
		byKind[Kind(one.kind)] = one.ids
	}
	return inTurn(byKind, c.cfg.Verify), err
}

// inTurn takes one of each kind, in the order of Kinds, then a second one, and so
// on, each subscription once.
func inTurn(byKind map[Kind][]string, most int) []string {
	var chosen []string
	taken := map[string]bool{}
	for i, left := 0, true; left; i++ {
		left = false
		for _, k := range Kinds() {
			if i >= len(byKind[k]) {
				continue
			}
			left = true
			if id := byKind[k][i]; !taken[id] && len(chosen) < most {
				taken[id] = true
				chosen = append(chosen, id)
			}
		}
	}
	return chosen
}

// mostUnread is how many answers in a row may be unreadable: then it is the API and
// not one subscription.
const mostUnread = 5

// sourceGet is the source of answers about single subscriptions.
const sourceGet = "get"
