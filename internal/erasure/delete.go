package erasure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// The names in the progress.
const (
	stepDelete    = "delete"
	stepRefreshes = "wait for the refresh of views"
)

// delete removes rows and clears texts, table by table. The counts are recorded before, so
// that a kill does not lose them: what a repetition counts again in its first round is the
// same rows.
func (e *Eraser) delete(ctx context.Context, p *Plan, in targetsOf, r *Report, record *account) error {
	if err := e.awaitRefreshes(ctx); err != nil { // a run that was interrupted has deleted under them
		return err
	}
	before := &Plan{kind: p.kind, found: p.found}
	if err := e.count(ctx, before, in, nil); err != nil {
		return err
	}
	for _, c := range before.Tables {
		if r.Rounds == 1 {
			r.Counts[c.Table] = max(r.Counts[c.Table], c.Deleted+c.Cleared)
		} else {
			r.Counts[c.Table] += c.Deleted + c.Cleared
		}
	}
	record.counts, record.entries = r.Counts, r.Entries
	if err := e.record(ctx, *record); err != nil {
		return err
	}
	deleted := e.deps.Progress.Count(stepDelete, "tables", uint64(len(before.Tables)))
	for _, c := range before.Tables {
		r := ruleOf(e.rules, c.Table)
		table := e.tables.Table(r.name)
		rows, _ := e.conditions(r, p.kind, in)
		if c.Deleted > 0 {
			if err := e.exec(ctx, "delete from "+r.name, "ALTER TABLE "+table+" DELETE WHERE "+rows); err != nil {
				return err
			}
		}
		if c.Cleared > 0 {
			if condition := r.clearing(in); condition != "" {
				if err := e.exec(ctx, "clear "+r.name, "ALTER TABLE "+table+" UPDATE "+clears[r.name]+" WHERE "+condition); err != nil {
					return err
				}
			}
			for _, l := range r.links {
				if err := e.exec(ctx, "clear "+r.name, "ALTER TABLE "+table+" UPDATE "+l.Name+" = NULL WHERE "+l.Name+" IN "+in(Subscription)); err != nil {
					return err
				}
			}
		}
		if err := e.awaitRefreshes(ctx); err != nil {
			return err
		}
		deleted.Add(1)
	}
	if p.kind == kindInternal { // all rows of these subscriptions go
		return nil
	}
	return e.recomputeShared(ctx, in(Shared))
}

// recomputeShared has the state of shared subscriptions computed again: it follows from
// events that are gone, too. A refresh takes subscriptions that have an event now. So the
// row gets such a moment, and a hidden row where none is left. The moment is a little later,
// since a refresh that begins meanwhile does not see it. Of equal versions the row that was
// inserted last counts.
func (e *Eraser) recomputeShared(ctx context.Context, shared string) error {
	const op, soon = "ask for the state of shared subscriptions", "now64(3, 'UTC') + INTERVAL 10 SECOND"
	state := e.tables.Table(schemas.StateTable)
	err := e.exec(ctx, op, "INSERT INTO "+state+" SELECT * REPLACE ("+soon+" AS next_event_at) FROM "+state+" FINAL WHERE subscription_id IN "+shared)
	if err != nil {
		return err
	}
	return e.exec(ctx, op, "INSERT INTO "+state+" (subscription_id, next_event_at, is_deleted, refresh) "+
		"SELECT value, "+soon+", true, max(known.refresh) FROM "+shared+" AS target "+
		"LEFT JOIN (SELECT subscription_id, refresh FROM "+state+" WHERE subscription_id IN "+shared+") AS known ON known.subscription_id = target.value "+
		"WHERE value NOT IN (SELECT subscription_id FROM "+state+" FINAL WHERE subscription_id IN "+shared+") GROUP BY value")
}

// maxRefresh is how long a refresh of a materialized view may take.
const maxRefresh = 30 * time.Minute

// awaitRefreshes waits for the refreshes of materialized views that are running. One that
// has read a table before the deletion writes what follows from it into another one: from
// the events into the state, and from the state into the metrics. So the wait follows each
// table, and the tables come in the order in which they follow from each other.
func (e *Eraser) awaitRefreshes(ctx context.Context) error {
	waiting, err := e.refreshing(ctx)
	if err != nil || len(waiting) == 0 {
		return err
	}
	ended := e.deps.Progress.Count(stepRefreshes, "views", uint64(len(waiting)))
	for until := e.deps.Now().Add(maxRefresh); len(waiting) > 0; {
		if e.deps.Now().After(until) {
			return fmt.Errorf("the refresh of %s has not ended after %v; repeat the command", strings.Join(slices.Sorted(maps.Keys(waiting)), ", "), maxRefresh)
		}
		if err := wait.For(ctx, refreshPoll); err != nil {
			return err
		}
		now, err := e.refreshing(ctx)
		if err != nil {
			return err
		}
		before := len(waiting)
		maps.DeleteFunc(waiting, func(view string, _ bool) bool { return !now[view] })
		ended.Add(uint64(before - len(waiting)))
	}
	return nil
}

// refreshing returns the views whose refresh is running.
func (e *Eraser) refreshing(ctx context.Context) (map[string]bool, error) {
	views := map[string]bool{}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"database": e.deps.Database}))
	err := statement.Each(ctx, e.deps.Conn, "SELECT view FROM system.view_refreshes WHERE database = {database:String} AND startsWith(status, 'Running')", func(row driver.Rows) error {
		var view string
		err := row.Scan(&view)
		views[view] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for running refreshes of views: %w", migrate.Explain(err))
	}
	return views, nil
}

// refreshPoll is the time between two looks at a refresh. The pause between two refreshes
// is much longer.
const refreshPoll = 100 * time.Millisecond

// exec runs a statement and waits until all replicas have done it.
func (e *Eraser) exec(ctx context.Context, op, query string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"mutations_sync": 2, "alter_sync": 2, "async_insert": 0, "insert_deduplicate": 0}))
	if err := e.deps.Conn.Exec(ctx, query); err != nil {
		return fmt.Errorf("%s: %w", op, migrate.Explain(err))
	}
	return nil
}

// insert adds rows to the named columns of a table.
func (e *Eraser) insert(ctx context.Context, op, columns string, fill func(driver.Batch) error) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{"async_insert": 0, "insert_deduplicate": 0, "distributed_foreground_insert": 1}))
	if err := sink.InsertBatch(ctx, e.deps.Conn, "INSERT INTO "+columns, fill); err != nil {
		return fmt.Errorf("%s: %w", op, migrate.Explain(err))
	}
	return nil
}
