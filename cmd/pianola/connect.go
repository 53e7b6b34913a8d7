package main

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
)

// connection is one thing that was tried.
type connection struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"` // what to do about it
}

// errNotConnected ends a validation that got no answer somewhere.
var errNotConnected = errors.New("not everything that the configuration names can be reached as it should")

// tryConnections tries all, also after one has failed, so that all is told at
// once. Each is bounded by its own timeouts.
func (a *app) tryConnections(ctx context.Context, settings config.Config) []connection {
	all := []connection{
		tried("kafka", tryKafka(ctx, settings)),
		tried("clickhouse and its schema", a.tryClickHouse(ctx, settings)),
	}
	if settings.Piano.APIToken != "" {
		all = append(all, tried("piano", tryPiano(ctx, settings)))
	}
	return all
}

func tried(name string, err error) connection {
	if err != nil {
		return connection{Name: name, Error: err.Error()}
	}
	return connection{Name: name, OK: true}
}

func tryKafka(ctx context.Context, settings config.Config) error {
	c, err := consumer.New(settings.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Check(ctx)
}

func (a *app) tryClickHouse(ctx context.Context, settings config.Config) error {
	migrator, db, err := a.migrator(settings)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	if err := db.PingContext(ctx); err != nil {
		return migrate.Explain(err)
	}
	return migrator.Check(ctx)
}

// tryPiano asks the API for as little as can be asked. What a run would wait for
// is told at once here.
func tryPiano(ctx context.Context, settings config.Config) error {
	cfg := settings.PianoConfig()
	cfg.Retry.Attempts = 1
	client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Check(ctx)
}

func failed(connections []connection) error {
	for _, one := range connections {
		if !one.OK {
			return errNotConnected
		}
	}
	return nil
}
