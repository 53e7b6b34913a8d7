package main

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/progress"
)

// connection is the result of one check.
type connection struct {
	Name  string `json:"name"`
	OK    bool   `json:"ok"`
	Error string `json:"error,omitempty"` // with a hint
}

var errNotConnected = errors.New("at least one connection failed")

// checkConnections runs all checks, so that it reports all errors together. Each has
// its own timeouts.
func (a *app) checkConnections(ctx context.Context, settings config.Config) []connection {
	report, stop := a.progress.start()
	defer stop()
	type check struct {
		name string
		run  func(context.Context, config.Config) error
	}
	checks := []check{{"kafka", checkKafka}, {"clickhouse and its schema", a.checkClickHouse}}
	if settings.Piano.APIToken != "" {
		checks = append(checks, check{"piano", checkPiano})
	}
	var all []connection
	for _, one := range checks {
		report(progress.Step{Name: "connect to " + one.name})
		all = append(all, connectionOf(one.name, one.run(ctx, settings)))
	}
	return all
}

func connectionOf(name string, err error) connection {
	if err != nil {
		return connection{Name: name, Error: err.Error()}
	}
	return connection{Name: name, OK: true}
}

func checkKafka(ctx context.Context, settings config.Config) error {
	c, err := consumer.New(settings.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Check(ctx)
}

func (a *app) checkClickHouse(ctx context.Context, settings config.Config) error {
	migrator, db, err := a.migrator(settings)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // read-only
	if err := db.PingContext(ctx); err != nil {
		return migrate.Explain(err)
	}
	return migrator.Check(ctx)
}

// checkPiano sends the smallest request. It does not retry: an error that a run would
// retry is reported immediately.
func checkPiano(ctx context.Context, settings config.Config) error {
	cfg := settings.PianoConfig()
	cfg.Retry.Attempts = 1
	client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Check(ctx)
}

func connectionError(connections []connection) error {
	for _, one := range connections {
		if !one.OK {
			return errNotConnected
		}
	}
	return nil
}
