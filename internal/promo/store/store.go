// Package store reads and writes the tables of the packages of internal/promo, with
// retries. Before rows that name somebody are written it asks the list of erased people.
package store

import (
	"context"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// retryLimit is how long one statement is retried while ClickHouse restarts.
const retryLimit = 2 * time.Minute

// ofPeople are the tables whose rows name somebody. The record of a failed run must be
// written although the list of erased people has changed.
var ofPeople = map[string]bool{"segment_members": true, "experiment_assignments": true, "promo_conversions": true}

// blockRows is how many rows one insert has.
const blockRows = 100_000

// Suppression is the list of erased people: *suppression.List.
type Suppression interface {
	// Bind ties ctx to the list as it is now.
	Bind(ctx, work context.Context) (context.Context, error)
	// Check fails once the list has changed since Bind.
	Check(ctx context.Context) error
}

// Store is safe for concurrent use.
type Store struct {
	Conn   driver.Conn
	Tables schemas.Options
	Log    *zap.Logger
	// Suppression and Suppressed are the list of erased people, and who is on it. Suppressed
	// obeys the list that Bind has read. Both may be nil: then nobody is.
	Suppression Suppression
	Suppressed  func(subscription, user string) bool
}

// Bind ties ctx to the list of erased people. What is read afterwards must be written under
// the same context.
func (s Store) Bind(ctx context.Context) (context.Context, error) {
	if s.Suppression == nil {
		return ctx, nil
	}
	return s.Suppression.Bind(ctx, ctx)
}

// Erased reports whether a row of these ids must not be written.
func (s Store) Erased(subscription, user string) bool {
	return s.Suppressed != nil && s.Suppressed(subscription, user)
}

// Insert writes rows in blocks. A retry may write a row twice, which most tables replace.
// A table whose rows name somebody needs a context of Bind.
func (s Store) Insert(ctx context.Context, table, columns string, n int, row func(i int) []any) error {
	for from := 0; from < n; from += blockRows {
		if err := s.insert(ctx, table, columns, from, min(n, from+blockRows), row); err != nil {
			return err
		}
	}
	return nil
}

func (s Store) insert(ctx context.Context, table, columns string, from, to int, row func(i int) []any) error {
	return statement.Retry(ctx, s.Log, "insert into "+table, retryLimit, func(ctx context.Context) error {
		if s.Suppression != nil && ofPeople[table] {
			if err := s.Suppression.Check(ctx); err != nil {
				return migrate.Explain(err)
			}
		}
		var unfit error
		err := sink.InsertBatch(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
			"async_insert": 0, "insert_deduplicate": 0, "distributed_foreground_insert": 1,
		})), s.Conn, "INSERT INTO "+s.Tables.Table(table)+" ("+columns+")", func(batch driver.Batch) error {
			for i := from; i < to && unfit == nil; i++ {
				unfit = batch.Append(row(i)...)
			}
			return unfit
		})
		if unfit != nil {
			return backoff.Permanent(fmt.Errorf("a value does not fit its column: %w", unfit))
		}
		return migrate.Explain(err)
	})
}

// Drop removes all rows of one run from a table that is partitioned by it.
func (s Store) Drop(ctx context.Context, table string, run uuid.UUID) error {
	return statement.Retry(ctx, s.Log, "drop a partition of "+table, retryLimit, func(ctx context.Context) error {
		return migrate.Explain(s.Conn.Exec(ctx, s.Tables.DropPartition(table, "'"+run.String()+"'")))
	})
}

// Read returns the rows of a query. An interrupted read begins again, so scan must have no
// other effect than to fill its row.
func Read[T any](ctx context.Context, s Store, op, query string, parameters clickhouse.Parameters, scan func(driver.Rows, *T) error) ([]T, error) {
	return statement.RetryValue(ctx, s.Log, op, retryLimit, func(ctx context.Context) ([]T, error) {
		var all []T
		err := statement.Each(clickhouse.Context(ctx, clickhouse.WithParameters(parameters)), s.Conn, query, func(row driver.Rows) error {
			var one T
			if err := scan(row, &one); err != nil {
				return backoff.Permanent(err) // the columns have other types than expected
			}
			all = append(all, one)
			return nil
		})
		return all, err
	})
}
