package erasure

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
)

// This file is `pianola purge-internal`: rows of users who became internal later. Their
// subscriptions stay in filtered_subscriptions, by which views hide them, and nothing is
// put on the suppression list: the internal-user filter drops their messages.

// keptInternal are the tables that a purge leaves alone: what makes a subscription count
// as internal, and what was done about messages and in Piano.
var keptInternal = map[string]bool{"filtered_subscriptions": true, "dead_letters": true, "actions_log": true, "replay_jobs": true}

// internalDeletion is the condition of the rows that a purge removes. The row of a snapshot
// that has the id alone stays: without it the subscription would count as absent.
func internalDeletion(r tableRule, in targetsOf) string {
	if keptInternal[r.name] {
		return ""
	}
	for _, c := range r.deletes {
		switch {
		case c.decision == ofSubscription && r.name == "subscription_snapshots":
			return "NOT filtered AND " + c.matches(in)
		case c.decision == ofSubscription, c.decision == ofEvent:
			return c.matches(in)
		}
	}
	return ""
}

// internalQuery are the subscriptions that count as internal now: by the view, or because a
// configured list names their user and no other user has them.
func (e *Eraser) internalQuery() string {
	query := "SELECT subscription_id FROM " + e.tables.Table("internal_subscriptions")
	for _, table := range e.owners {
		if keptInternal[table] {
			continue
		}
		query += " UNION DISTINCT SELECT subscription_id FROM " + e.tables.Table(table) + " WHERE user_id IN " + byParameters(User)
	}
	return query
}

// PlanInternal plans a purge. users are those of transform.internal_user_ids, in the form of
// the tables.
func (e *Eraser) PlanInternal(ctx context.Context, users []string) (*Plan, error) {
	if err := e.refuseDistributed(ctx); err != nil {
		return nil, err
	}
	p := &Plan{kind: kindInternal, found: values{}, Bound: "0s"}
	for _, user := range users {
		p.found.add(User, user)
	}
	in := func(kinds ...Kind) string {
		if kinds[0] == Event {
			return "(SELECT toString(event_id) FROM " + e.tables.Table("subscription_events") + " WHERE subscription_id IN (" + e.internalQuery() + "))"
		}
		return "(" + e.internalQuery() + ")"
	}
	err := e.count(ctx, p, in, p.found.parameters())
	if err != nil {
		return nil, err
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(p.found.parameters()))
	var subscriptions uint64
	if err := e.deps.Conn.QueryRow(ctx, "SELECT uniqExact(subscription_id) FROM ("+e.internalQuery()+")").Scan(&subscriptions); err != nil {
		return nil, fmt.Errorf("count the internal subscriptions: %w", migrate.Explain(err))
	}
	p.Subscriptions = int(subscriptions)
	if p.Resumes, err = e.unfinishedInternal(ctx); err != nil {
		return nil, fmt.Errorf("look for a purge that was interrupted: %w", err)
	}
	return p, nil
}

// unfinishedInternal finds an interrupted purge. What it looked for is still among the
// targets, some of which no row leads to any more.
func (e *Eraser) unfinishedInternal(ctx context.Context) (id string, err error) {
	err = statement.Each(ctx, e.deps.Conn, "SELECT erasure_id FROM "+e.tables.Table("erasures")+" FINAL WHERE kind = '"+kindInternal+"' AND state = '"+stateBegun+"' ORDER BY erasure_id DESC LIMIT 1",
		func(row driver.Rows) error { return row.Scan(&id) })
	return id, err
}

// writeInternal writes the subscriptions and their events as targets.
func (e *Eraser) writeInternal(ctx context.Context, table, id string, p *Plan) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(p.found.parameters()), clickhouse.WithSettings(clickhouse.Settings{"insert_deduplicate": 0, "async_insert": 0}))
	for _, query := range []string{
		"SELECT DISTINCT '" + id + "', 'subscription', subscription_id FROM (" + e.internalQuery() + ")",
		"SELECT DISTINCT '" + id + "', 'event', toString(event_id) FROM " + e.tables.Table("subscription_events") + " WHERE subscription_id IN " + byTargetsOf(table, id)(Subscription),
	} {
		if err := e.deps.Conn.Exec(ctx, "INSERT INTO "+table+" (erasure_id, kind, value) "+query); err != nil {
			return fmt.Errorf("write the targets: %w", migrate.Explain(err))
		}
	}
	return nil
}

// hide records the subscriptions as filtered, as of their newest row: so they count as
// internal without their events too, and the audit knows why these are gone.
func (e *Eraser) hide(ctx context.Context, id string) error {
	table := e.tables.Table("erasure_targets")
	return e.exec(ctx, "record the subscriptions as filtered", "INSERT INTO "+e.tables.Table("filtered_subscriptions")+` (subscription_id, version, filtered_at)
		SELECT subscription_id, max(version) AS newest, max(synced_at) + toIntervalMillisecond(1) FROM `+e.tables.Table("subscription_events")+`
		WHERE subscription_id IN `+byTargetsOf(table, id)(Subscription)+` GROUP BY subscription_id`)
}
