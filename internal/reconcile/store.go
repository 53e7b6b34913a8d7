package reconcile

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cenkalti/backoff/v5"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// retryLimit is how long one statement is retried while ClickHouse restarts or the
// network is interrupted. Reading a million subscriptions takes the API many minutes,
// so a snapshot is worth the wait.
const retryLimit = 5 * time.Minute

// store reads and writes the tables of this package, with retries. It may be shared;
// a snapshotWriter belongs to one goroutine.
type store struct {
	conn     driver.Conn
	tables   schemas.Options
	instance string
	keep     int // complete snapshots that stay
	now      func() time.Time
	log      *zap.Logger
	progress progress.Func

	gate       func(context.Context) error // before each attempt; nil allows all
	suppressed func(subscription, user string) bool
}

func newStore(keep int, p Deps) *store {
	s := &store{conn: p.Conn, tables: p.Tables, instance: p.Instance, keep: keep, now: p.Now, log: p.Log, progress: p.Hooks.OnProgress, suppressed: p.Suppressed}
	if p.Suppression != nil {
		s.gate = p.Suppression.Check
	}
	if s.suppressed == nil {
		s.suppressed = func(string, string) bool { return false }
	}
	return s
}

// writeSettings make an acknowledgement mean that the rows are in the table.
func writeSettings() clickhouse.Settings {
	return clickhouse.Settings{
		"async_insert": 0,
		// After a crash ClickHouse may remember a block that it does not have. A row that
		// is written twice is one row by its key.
		"insert_deduplicate": 0,
		// On a cluster the shards have the rows, not only the node that was asked.
		"distributed_foreground_insert": 1,
	}
}

// write runs an idempotent statement until it succeeds, its error is permanent, or
// retryLimit has passed.
func (s *store) write(ctx context.Context, op string, parameters clickhouse.Parameters, query string) error {
	return s.retry(ctx, op, s.gated(func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(writeSettings()), clickhouse.WithParameters(parameters))
		return migrate.Explain(s.conn.Exec(ctx, query))
	}))
}

func (s *store) retry(ctx context.Context, op string, attempt func(context.Context) error) error {
	return statement.Retry(ctx, s.log, op, retryLimit, attempt)
}

// gated asks the gate before each attempt. What names no subscription does not need it: the
// record of a failed run must be written.
func (s *store) gated(attempt func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if s.gate == nil {
			return attempt(ctx)
		}
		if err := s.gate(ctx); err != nil {
			return migrate.Explain(err)
		}
		return attempt(ctx)
	}
}

// insert writes n rows in one block; row returns the values of one.
func (s *store) insert(ctx context.Context, table, columns string, n int, row func(i int) []any) error {
	attempt := func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(writeSettings()))
		var unfit error
		err := sink.InsertBatch(ctx, s.conn, "INSERT INTO "+s.tables.Table(table)+" ("+columns+")", func(batch driver.Batch) error {
			for i := 0; i < n && unfit == nil; i++ {
				unfit = batch.Append(row(i)...)
			}
			return unfit
		})
		if unfit != nil {
			return backoff.Permanent(unfit)
		}
		return migrate.Explain(err)
	}
	if table != "snapshot_runs" && table != "reconciliation_runs" {
		attempt = s.gated(attempt)
	}
	return s.retry(ctx, "insert into "+table, attempt)
}

// drop removes all rows of one snapshot or run from a table partitioned by it.
func (s *store) drop(ctx context.Context, table string, id uuid.UUID) error {
	return s.retry(ctx, "drop a partition of "+table, func(ctx context.Context) error {
		return migrate.Explain(s.conn.Exec(ctx, s.tables.DropPartition(table, "'"+id.String()+"'")))
	})
}

// read runs a query and returns its rows; scan reads one of them, and must have no other
// effect. An interrupted read is retried from its start and only a complete result is
// returned, so no row counts twice. It holds the result in memory: every query here
// returns few rows, since what concerns single subscriptions stays in ClickHouse.
func read[T any](ctx context.Context, s *store, op, query string, parameters clickhouse.Parameters, scan func(driver.Rows, *T) error) ([]T, error) {
	var result []T
	err := s.retry(ctx, op, func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithParameters(parameters))
		var all []T
		err := statement.Each(ctx, s.conn, query, func(row driver.Rows) error {
			var one T
			if err := scan(row, &one); err != nil {
				return backoff.Permanent(err) // the columns have other types than expected
			}
			all = append(all, one)
			return nil
		})
		result = all
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}

// readOne reads the columns of a query of one row. Without a row they stay unchanged.
func (s *store) readOne(ctx context.Context, op, query string, parameters clickhouse.Parameters, into ...any) error {
	_, err := read(ctx, s, op, query, parameters, func(row driver.Rows, _ *struct{}) error { return row.Scan(into...) })
	return err
}
