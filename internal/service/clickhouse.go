package service

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/suppression"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Versions are those of a ClickHouse server.
type Versions struct {
	Server string
	Schema int64
}

// CheckClickHouse reports whether ClickHouse answers and has the schema of this binary.
func CheckClickHouse(ctx context.Context, cfg config.Config) (v Versions, err error) {
	db := clickhouse.OpenDB(cfg.ClickHouseOptions())
	defer func() { _ = db.Close() }() // read-only
	migrator, err := migrate.New(db, cfg.ClickHouse.Database, zap.NewNop())
	if err != nil {
		return v, err
	}
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&v.Server); err != nil {
		return v, migrate.Explain(err)
	}
	if err := migrator.Check(ctx); err != nil {
		return v, err
	}
	v.Schema, err = migrator.Current(ctx)
	return v, err
}

// OpenClickHouse checks ClickHouse and returns a connection. The caller must close it.
func OpenClickHouse(ctx context.Context, cfg config.Config) (driver.Conn, error) {
	if _, err := CheckClickHouse(ctx, cfg); err != nil {
		return nil, err
	}
	conn, err := clickhouse.Open(cfg.ClickHouseOptions())
	if err != nil {
		return nil, migrate.Explain(err)
	}
	return conn, nil
}

// NewSuppression builds the list of erased people, for rules that must obey it. It reads
// nothing. onRead may be nil.
func NewSuppression(cfg config.Config, conn driver.Conn, rules *transform.Rules, now func() time.Time, log *zap.Logger, onRead func(entries int)) *suppression.List {
	return suppression.New(suppression.Deps{
		Conn: conn, Tables: schemas.Options{Database: cfg.ClickHouse.Database}, Keys: cfg.SuppressionKeys(), Refresh: cfg.Erasure.Refresh, Rules: rules,
		Now: now, Log: log.Named("suppression"), OnRead: onRead,
	})
}
