package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/service"
)

// connection is the result of one check.
type connection struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"` // what was looked at
	Error  string `json:"error,omitempty"`  // with a hint
}

var errNotConnected = errors.New("at least one connection failed")

// checkConnections runs all checks, so that it reports all errors together. Each has
// its own timeouts.
func (a *app) checkConnections(ctx context.Context, settings config.Config) []connection {
	report, stop := a.progress.start()
	defer stop()
	type check struct {
		name string
		run  func(context.Context, config.Config) (detail string, err error)
	}
	checks := []check{{"kafka", checkKafka}, {"clickhouse and its schema", checkClickHouse}}
	if settings.Piano.APIToken != "" {
		checks = append(checks, check{"piano", checkPiano})
	}
	var all []connection
	for _, one := range checks {
		report(progress.Step{Name: "connect to " + one.name})
		detail, err := one.run(ctx, settings)
		all = append(all, connectionOf(one.name, detail, err))
	}
	return all
}

func connectionOf(name, detail string, err error) connection {
	if err != nil {
		return connection{Name: name, Error: strings.ReplaceAll(err.Error(), "\n", "; ")}
	}
	return connection{Name: name, OK: true, Detail: detail}
}

// checkKafka uses every broker that a run will use, not only those that are configured.
func checkKafka(ctx context.Context, settings config.Config) (string, error) {
	c, err := consumer.New(settings.ConsumerConfig(), zap.NewNop(), consumer.Hooks{})
	if err != nil {
		return "", err
	}
	defer c.Close()
	r, err := c.CheckBrokers(ctx)
	if err != nil {
		return "", err
	}
	detail := fmt.Sprintf("topics: %d, partitions: %d, brokers asked: %d, coordinator of group %s: %s, partitions with offsets: %d",
		r.Topics, r.Partitions, r.Brokers, printable(settings.Kafka.Group), printable(r.Coordinator), r.Committed)
	if len(r.ForeignMembers) > 0 {
		detail += "; warning: another application uses kafka.group, with the client ids " + printable(strings.Join(r.ForeignMembers, ", "))
	}
	return detail, nil
}

func checkClickHouse(ctx context.Context, settings config.Config) (string, error) {
	v, err := service.CheckClickHouse(ctx, settings)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("ClickHouse %s, database %s with schema version %d", printable(v.Server), printable(settings.ClickHouse.Database), v.Schema), nil
}

// checkPiano sends the smallest request. It does not retry: an error that a run would
// retry is reported immediately.
func checkPiano(ctx context.Context, settings config.Config) (string, error) {
	cfg := settings.PianoConfig()
	cfg.Retry.Attempts = 1
	client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		return "", err
	}
	defer client.Close()
	if err := client.Check(ctx); err != nil {
		return "", err
	}
	return "one page of the list of subscriptions", nil
}

func connectionError(connections []connection) error {
	for _, one := range connections {
		if !one.OK {
			return errNotConnected
		}
	}
	return nil
}
