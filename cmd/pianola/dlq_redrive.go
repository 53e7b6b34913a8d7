package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/replay"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

func (a *app) dlqRedriveCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "redrive [TOPIC/PARTITION/OFFSET]...",
		Short: "read the messages of open dead letters again, by today's rules",
		Long: `Reads the original messages of open dead letters from Kafka, where they still
are, and puts them through the configuration of today. What now passes is stored
and its dead letter is resolved; what still fails counts one more attempt; what
Kafka no longer has is said to be gone and stays open.

Without --execute it prints the plan and changes nothing. It may be interrupted
and run again, and a consumer may be running. A row that ClickHouse refused is
tried again like any other.

Exit status 3 says that dead letters stayed open.`,
		Example: `  pianola dlq redrive
  pianola dlq redrive --reason unknown_action --since 24h --execute
  pianola dlq redrive piano.subscriber-events/3/1200417 --execute --json`,
		Args: cobra.ArbitraryArgs,
	}
	var f filter
	c.Flags().StringVar(&f.reason, "reason", "", "only this reason")
	c.Flags().StringVar(&f.field, "field", "", "only this field")
	c.Flags().StringVar(&f.topic, "topic", "", "only this topic")
	since := c.Flags().String("since", "", "only those decided since: a time ago such as 24h, or an RFC 3339 time")
	execute := c.Flags().Bool("execute", false, "do it; without, the plan is all there is")
	asJSON := jsonFlag(c)
	sections := []string{"kafka", "clickhouse", "transform", "log"}
	config.AddFlags(c.Flags(), sections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		if err := f.parse(*since, a.now()); err != nil {
			return usageError{err}
		}
		selection := replay.Selection{Reason: f.reason, Field: f.field, Topic: f.topic, Since: f.since}
		for _, arg := range args {
			at, err := parseCoordinates(arg)
			if err != nil {
				return usageError{fmt.Errorf("%q: %w", arg, err)}
			}
			selection.At = append(selection.At, at)
		}
		settings, err := a.load(c).Check(sections...)
		if err != nil {
			return err
		}
		return a.redrive(c, settings, selection, *execute, *asJSON)
	}
	return c
}

func (a *app) redrive(c *cobra.Command, settings config.Config, selection replay.Selection, execute, asJSON bool) error {
	redriver, closeAll, err := a.redriver(c, settings)
	if err != nil {
		return err
	}
	defer closeAll()
	if err := redriver.Known(c.Context(), selection.At); err != nil {
		return err
	}
	plan, err := redriver.Plan(c.Context(), selection)
	if err != nil {
		return err
	}
	report := plan.Report()
	if execute {
		report, err = redriver.Redrive(c.Context(), plan)
	}
	// What was done before an error is durable, and so it is told.
	if asJSON {
		err = errors.Join(err, a.printJSON(report))
	} else {
		err = errors.Join(err, a.print(redriveText(report)))
	}
	if err == nil && execute && report.Open > 0 {
		return fmt.Errorf("%d dead letters stay open: %w", report.Open, errFound)
	}
	return err
}

// redriver connects and checks the schema, for it is going to write. The caller
// calls closeAll when there is no error.
func (a *app) redriver(c *cobra.Command, settings config.Config) (_ *replay.Redriver, closeAll func(), err error) {
	var opened []io.Closer
	end := func() {
		for _, one := range opened {
			_ = one.Close() // every statement has been answered
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	migrator, db, err := a.migrator(settings)
	if err != nil {
		return nil, nil, err
	}
	opened = append(opened, db)
	if err := migrator.Check(c.Context()); err != nil {
		return nil, nil, err
	}
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, nil, err
	}
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return nil, nil, err
	}
	writer, err := sink.Open(c.Context(), settings.SinkConfig(), log, sink.Hooks{Now: a.now})
	if err != nil {
		return nil, nil, err
	}
	opened = append(opened, writer)
	conn, err := clickhouse.Open(settings.ClickHouseOptions())
	if err != nil {
		return nil, nil, migrate.Explain(err)
	}
	opened = append(opened, conn)
	return replay.New(replay.Parts{
		Kafka: settings.ConsumerConfig(), Timeout: replay.DefaultTimeout, Rules: rules, Writer: writer,
		Conn: conn, Database: settings.ClickHouse.Database, Now: a.now, Log: log,
	}), end, nil
}
