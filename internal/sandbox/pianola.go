package sandbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// Configure is the configuration of a Pianola that reads topic and writes to
// database over the protocol, native or http, knowing the world's internal
// users; nil is no world. Everything else is as `pianola run` has it by default.
func (s *Services) Configure(protocol, topic, database string, w *world.World) config.Config {
	cfg := config.Defaults()
	cfg.Kafka.Brokers = []string{s.Kafka.Addr()}
	cfg.Kafka.Topics = []string{topic}
	cfg.ClickHouse.Database = database
	cfg.ClickHouse.User, cfg.ClickHouse.Password = User, config.Secret(s.Password)
	cfg.ClickHouse.Protocol = protocol
	cfg.ClickHouse.Addr = []string{s.ClickHouse.NativeAddr()}
	if protocol == "http" {
		cfg.ClickHouse.Addr = []string{s.ClickHouse.HTTPAddr()}
	}
	cfg.Export.ClickHouseAddr = []string{s.ClickHouse.HTTPAddr()}
	cfg.HTTP.Listen = "127.0.0.1:0"
	if w != nil {
		cfg.Transform.InternalUserIDs = w.InternalUserIDs()
		cfg.Transform.InternalEmailDomains = w.InternalEmailDomains()
	}
	return cfg
}

// Migrate brings the database of the configuration to this binary's schema.
func Migrate(ctx context.Context, cfg config.Config, log *zap.Logger) error {
	db := clickhouse.OpenDB(cfg.ClickHouseOptions())
	migrator, err := migrate.New(db, cfg.ClickHouse.Database, log)
	if err == nil {
		_, err = migrator.Up(ctx)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("make the schema: %w", err)
	}
	return nil
}

// Analyst is a connection of somebody who asks, to one database.
func (s *Services) Analyst(database string) (driver.Conn, error) {
	conn, err := clickhouse.Open(&clickhouse.Options{
		Addr: []string{s.ClickHouse.NativeAddr()},
		Auth: clickhouse.Auth{Database: database, Username: User, Password: s.Password},
	})
	if err != nil {
		return nil, fmt.Errorf("connect to ClickHouse: %w", err)
	}
	return conn, nil
}
