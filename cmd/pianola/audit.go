package main

import (
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/transform"
)

// auditPatience bounds one answer of ClickHouse: a scan of the whole table may be
// silent for long, over HTTP above all. Ctrl-C ends it sooner.
const auditPatience = 30 * time.Minute

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "prove from ledger, offsets and tables that nothing was lost",
		Long: `Checks the delivery promise: that the ledger covers every offset up to the committed
one, that each of its rows balances, that dead letters are as many as it counts, and
that every event id is the one that ClickHouse computes. Ranges that were lost and
accepted, and ranges that were read again, are named; neither is wrong.

--deep reads what Kafka retains, up to the committed offsets, through the stages once
more and looks every message up. It goes by today's settings: after a change of rules
it names messages whose outcome has changed and which cannot be told from lost ones.

It changes nothing, joins no group, and works while consumers run. The exit status is
3 when something is wrong.`,
		Example: `  pianola audit
  pianola audit --deep --json | jq '.findings'`,
		Args: cobra.NoArgs,
	}
	deep := c.Flags().Bool("deep", false, "read the retained messages again and look each one up")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "kafka", "clickhouse", "transform", "log")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check("kafka", "clickhouse", "transform", "log")
		if err != nil {
			return err
		}
		report, err := a.audit(c, settings, *deep)
		if err != nil {
			return fmt.Errorf("audit: %w", err)
		}
		if *asJSON {
			err = a.printJSON(report)
		} else {
			err = a.print(auditText(report))
		}
		if err == nil && !report.Clean {
			err = fmt.Errorf("audit: %w: %d findings", errFound, len(report.Findings))
		}
		return err
	}
	return c
}

func (a *app) audit(c *cobra.Command, settings config.Config, deep bool) (*audit.Report, error) {
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, err
	}
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return nil, err
	}
	kafka, err := consumer.New(settings.ConsumerConfig(), log, consumer.Hooks{})
	if err != nil {
		return nil, err
	}
	defer kafka.Close()
	options := settings.ClickHouseOptions()
	options.ReadTimeout = auditPatience
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // nothing was written
	return audit.New(audit.Parts{
		Kafka: kafka, Group: settings.Kafka.Group, Isolation: consumer.Isolation(settings.Kafka.Isolation),
		Conn: conn, Database: settings.ClickHouse.Database, Rules: rules, Now: a.now, Log: log.Named("audit"),
	}).Run(c.Context(), deep)
}
