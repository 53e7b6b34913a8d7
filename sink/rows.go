package sink

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
)

// table is one of the small tables. Its columns are in the order of the row
// values.
type table struct {
	name    string
	columns []schemas.Column
	// has reports whether the table has all rows of an INSERT of which only the
	// outcome is unknown, or that failed in a materialized view. nil: it may be
	// repeated, since the rows replace themselves.
	has func(context.Context) (bool, error)
}

// insertRows inserts n rows into a small table and retries until ctx ends. It is
// one INSERT, or several when one is too large. This package makes these rows, so a
// refused row is fatal. A row that is too large for the memory waits for memory.
func (w *Writer) insertRows(ctx context.Context, t table, token string, n int, row func(i int) []any) error {
	if n == 0 {
		return nil
	}
	start := w.hooks.Now()
	tooLarge, err := w.statement(ctx, insertOp(t.name), n > 1, func(ctx context.Context, attempt int) error {
		if attempt > 1 && t.has != nil {
			if has, err := t.has(ctx); err != nil || has {
				return err
			}
		}
		name := attemptToken(token, attempt)
		failure := w.insertBlock(withToken(ctx, name), t, n, row)
		code, view, failed := failedView(failure)
		if !failed {
			return failure
		}
		// The rows are usually in the table. A lost range must not be there twice.
		has := false
		if t.has != nil {
			has, _ = t.has(ctx) // without an answer the rows are sent again
		}
		if !has {
			if err := w.insertBlock(withoutViews(ctx, name+"#view"), t, n, row); err != nil {
				return err
			}
		}
		w.viewFailed(t.name, viewFailure{view, code}, n)
		return nil
	})
	switch {
	case err != nil:
		return err
	case tooLarge != nil:
		w.log.Warn(LogInsertHalved, zap.String("table", t.name), zap.Int("rows", n), zap.Error(tooLarge))
		w.hooks.OnRetry(ClassSplit, tooLarge.Code)
		if err := w.insertRows(ctx, t, token+"/0", n/2, row); err != nil {
			return err
		}
		return w.insertRows(ctx, t, token+"/1", n-n/2, func(i int) []any { return row(n/2 + i) })
	}
	w.hooks.OnInsert(t.name, n, 0, w.hooks.Now().Sub(start))
	return nil
}

// insertBlock sends the rows once.
func (w *Writer) insertBlock(ctx context.Context, t table, n int, row func(i int) []any) error {
	types := make([]clickhouse.ColumnNameAndType, len(t.columns))
	for i, c := range t.columns {
		types[i] = clickhouse.ColumnNameAndType{Name: c.Name, Type: c.Type}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithColumnNamesAndTypes(types)) // saves a DESCRIBE over HTTP
	return InsertBatch(ctx, w.conn, insertStatement(t.name, t.columns), func(batch driver.Batch) error {
		for i := range n {
			if err := batch.Append(row(i)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// persist repeats an idempotent statement until it succeeds, fails fatally, or
// ctx ends. do receives the number of the attempt, for its token.
func (w *Writer) persist(ctx context.Context, op string, do func(context.Context, int) error) error {
	_, err := w.statement(ctx, op, false, do)
	return err
}

// statement is persist for a statement that may be divided: tooLarge is the failure
// after which its parts must be sent.
func (w *Writer) statement(ctx context.Context, op string, divisible bool, do func(context.Context, int) error) (tooLarge *Error, err error) {
	d, err := w.events.deliver(ctx, op, divisible, func(ctx context.Context, attempt int) error {
		err := do(ctx, attempt)
		if err == nil {
			return nil
		}
		if _, _, answered := exception(err); !answered && ctx.Err() != nil {
			err = ctx.Err()
		}
		return w.newError(op, err)
	})
	if err != nil || d.refused == nil {
		return nil, err
	}
	if d.refused.Class == ClassSplit {
		return d.refused, nil
	}
	if d.refused.View == "" {
		d.refused.Hint = "compare the table's constraints and column types with `pianola schema ddl`"
	}
	return nil, d.refused.fatal()
}

// insertOp names an INSERT in errors and logs.
func insertOp(table string) string { return "insert into " + table }

// instant is the value for a DateTime64(3, 'UTC') column.
func instant(ms schemas.Millis) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// optional is the value for a Nullable(String) column: nil for an empty text.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// FilteredTable stores the ids of subscriptions with events that the
// internal-user filter dropped.
const FilteredTable = "filtered_subscriptions"

// writeFiltered inserts each id once, with its newest version, because a test
// subscription has many events.
func (w *Writer) writeFiltered(ctx context.Context, token string, parts []*Part, now schemas.Millis) error {
	var rows []schemas.FilteredSubscription
	at := make(map[string]int)
	for _, part := range parts {
		for _, f := range part.Filtered {
			i, known := at[f.SubscriptionID]
			if !known {
				at[f.SubscriptionID] = len(rows)
				rows = append(rows, f)
				continue
			}
			rows[i].Version = max(rows[i].Version, f.Version)
		}
	}
	t := table{name: FilteredTable, columns: []schemas.Column{
		{Name: "subscription_id", Type: "String"},
		{Name: "version", Type: "UInt64"},
		{Name: "filtered_at", Type: "DateTime64(3, 'UTC')"},
	}}
	return w.insertRows(ctx, t, token+":filtered", len(rows), func(i int) []any {
		return []any{rows[i].SubscriptionID, rows[i].Version, instant(now)}
	})
}
