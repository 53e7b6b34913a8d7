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

// auditReadTimeout limits the wait for one answer of ClickHouse. A scan of a whole
// table may send nothing for minutes, above all over HTTP.
const auditReadTimeout = 30 * time.Minute

func (a *app) auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "check that no message was lost",
		Long: `Compares Kafka's offsets, the ledger and the tables. The ledger must cover
every committed offset, and the counters of each row must add up. The number of
dead letters must match the ledger. Every event id must equal the id that
ClickHouse computes. Accepted losses and ranges that were read twice are notes,
not findings.

--deep also reads the retained messages up to the committed offsets, transforms
them again and looks up each outcome. It uses the current settings. After a
change of rules it also reports messages whose outcome differs for that reason.

The command is read-only, joins no consumer group and may run beside consumers.
The exit status is 3 when there are findings.`,
		Example: `  pianola audit
  pianola audit --deep --json | jq '.findings'`,
		Args: cobra.NoArgs,
	}
	deep := c.Flags().Bool("deep", false, "also read the retained messages and look up each outcome")
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
			err = a.print(auditText(report, a.width()))
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
	options.ReadTimeout = auditReadTimeout
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // read-only
	report, stop := a.progress.start()
	defer stop()
	return audit.New(audit.Deps{
		Kafka: kafka, Group: settings.Kafka.Group, Isolation: consumer.Isolation(settings.Kafka.Isolation),
		Conn: conn, Database: settings.ClickHouse.Database, Rules: rules, Now: a.now, Log: log.Named("audit"), Progress: report,
	}).Run(c.Context(), deep)
}
