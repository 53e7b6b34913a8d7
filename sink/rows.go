package sink

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/schemas"
)

// table is one of the small tables. Its columns are in the order of the row
// values.
type table struct {
	name    string
	columns []schemas.Column
}

// insertRows inserts n rows into a small table as one INSERT and retries until
// ctx ends. This package makes these rows, so a refused row is fatal. An insert
// that is too large for memory waits for memory.
func (w *Writer) insertRows(ctx context.Context, t table, token string, n int, row func(i int) []any) error {
	if n == 0 {
		return nil
	}
	types := make([]clickhouse.ColumnNameAndType, len(t.columns))
	for i, c := range t.columns {
		types[i] = clickhouse.ColumnNameAndType{Name: c.Name, Type: c.Type}
	}
	start := w.hooks.Now()
	err := w.persist(ctx, insertOp(t.name), func(ctx context.Context, attempt int) error {
		ctx = clickhouse.Context(ctx,
			clickhouse.WithSettings(clickhouse.Settings{dedupToken: attemptToken(token, attempt)}),
			clickhouse.WithColumnNamesAndTypes(types)) // saves a DESCRIBE over HTTP
		batch, err := w.conn.PrepareBatch(ctx, insertStatement(t.name, t.columns))
		if err != nil {
			return err
		}
		for i := range n {
			if err := batch.Append(row(i)...); err != nil {
				_ = batch.Abort()
				return err
			}
		}
		return batch.Send()
	})
	if err == nil {
		w.hooks.OnInsert(t.name, n, 0, w.hooks.Now().Sub(start))
	}
	return err
}

// persist repeats an idempotent statement until it succeeds, fails fatally, or
// ctx ends. do receives the number of the attempt, for its token.
func (w *Writer) persist(ctx context.Context, op string, do func(context.Context, int) error) error {
	d, err := w.events.deliver(ctx, op, false, func(ctx context.Context, attempt int) error {
		err := do(ctx, attempt)
		if err == nil {
			return nil
		}
		if _, _, answered := exception(err); !answered && ctx.Err() != nil {
			err = ctx.Err()
		}
		return w.newError(op, err)
	})
	if err == nil && d.refused != nil {
		d.refused.Class = ClassFatal
		d.refused.Hint = "compare the table's constraints and column types with `pianola schema ddl`"
		return d.refused
	}
	return err
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

// writeFiltered inserts each id once, with its latest time, because a test
// subscription has many events. An id without a time was filtered now.
func (w *Writer) writeFiltered(ctx context.Context, token string, parts []*Part, now schemas.Millis) error {
	var rows []schemas.FilteredSubscription
	at := make(map[string]int)
	for _, part := range parts {
		for _, f := range part.Filtered {
			if f.FilteredAt == 0 {
				f.FilteredAt = now
			}
			i, known := at[f.SubscriptionID]
			if !known {
				at[f.SubscriptionID] = len(rows)
				rows = append(rows, f)
				continue
			}
			rows[i].FilteredAt = max(rows[i].FilteredAt, f.FilteredAt)
		}
	}
	t := table{FilteredTable, []schemas.Column{
		{Name: "subscription_id", Type: "String"},
		{Name: "filtered_at", Type: "DateTime64(3, 'UTC')"},
	}}
	return w.insertRows(ctx, t, token+":filtered", len(rows), func(i int) []any {
		return []any{rows[i].SubscriptionID, instant(rows[i].FilteredAt)}
	})
}
