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
)

// patience is how long what passes by itself (a server that restarts, a network
// that is cut) may keep one statement from succeeding. Reading a million
// subscriptions takes the API many minutes, so a snapshot is worth the wait.
const patience = 5 * time.Minute

// store keeps snapshots. One goroutine at a time may use what it returns; the
// store itself may be shared.
type store struct {
	conn     driver.Conn
	tables   schemas.Options
	instance string
	keep     int // complete snapshots that stay
	now      func() time.Time
	log      *zap.Logger
	progress progress.Func
}

func newStore(conn driver.Conn, o schemas.Options, instance string, keep int, now func() time.Time, log *zap.Logger) *store {
	return &store{conn: conn, tables: o, instance: instance, keep: keep, now: now, log: log}
}

// writeSettings make an acknowledgement mean that the rows are in the table.
func writeSettings() clickhouse.Settings {
	return clickhouse.Settings{
		"async_insert": 0,
		// ClickHouse may know a block without having it, after a crash; a row that is
		// written twice is one row by its key.
		"insert_deduplicate": 0,
		// On a cluster the shards have it, not only the node that was asked.
		"distributed_foreground_insert": 1,
	}
}

// write runs a statement that may be run again, until ClickHouse answers something
// that waiting does not change.
func (s *store) write(ctx context.Context, what string, parameters clickhouse.Parameters, statement string) error {
	return s.persist(ctx, what, func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(writeSettings()), clickhouse.WithParameters(parameters))
		return migrate.Explain(s.conn.Exec(ctx, statement))
	})
}

// persist retries attempt for as long as patience.
func (s *store) persist(ctx context.Context, what string, attempt func(context.Context) error) error {
	return statement.Retry(ctx, s.log, what, patience, attempt)
}

// insert writes n rows in one block; row gives the values of one.
func (s *store) insert(ctx context.Context, table, columns string, n int, row func(i int) []any) error {
	what := "insert into " + table
	return s.persist(ctx, what, func(ctx context.Context) error {
		ctx = clickhouse.Context(ctx, clickhouse.WithSettings(writeSettings()))
		batch, err := s.conn.PrepareBatch(ctx, "INSERT INTO "+s.tables.Table(table)+" ("+columns+")")
		if err != nil {
			return migrate.Explain(err)
		}
		defer func() { _ = batch.Close() }() // Send tells
		for i := range n {
			if err := batch.Append(row(i)...); err != nil {
				return backoff.Permanent(err)
			}
		}
		return migrate.Explain(batch.Send())
	})
}

// drop removes every row that one snapshot has in a table partitioned by snapshot.
func (s *store) drop(ctx context.Context, table string, snapshot uuid.UUID) error {
	return s.write(ctx, "drop a snapshot's rows from "+table, nil, s.tables.DropPartition(table, "'"+snapshot.String()+"'"))
}
