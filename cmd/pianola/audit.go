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
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/service"
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

--job checks one job of pianola replay instead: its ledger rows must cover the
ranges of its plan. With --deep it also reads a job of Kafka again.

The command is read-only, joins no consumer group and may run beside consumers.
The exit status is 3 when there are findings.`,
		Example: `  pianola audit
  pianola audit --job 20261129t221530-x7k2 --deep
  pianola audit --deep --json | jq '.findings'`,
		Args: cobra.NoArgs,
	}
	deep := c.Flags().Bool("deep", false, "also read the retained messages and look up each outcome")
	jobID := c.Flags().String("job", "", "check the job with this id instead of the consumer group")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "kafka", "clickhouse", "transform", "erasure", "log")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check("kafka", "clickhouse", "transform", "erasure", "log")
		if err != nil {
			return err
		}
		if *jobID != "" {
			return a.auditJob(c, settings, *jobID, *deep, *asJSON)
		}
		var report *audit.Report
		err = a.audit(c, settings, *deep, func(one *audit.Audit, _ *job.Store) error {
			report, err = one.Run(c.Context(), *deep)
			return err
		})
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

// auditJob checks one job.
func (a *app) auditJob(c *cobra.Command, settings config.Config, id string, deep, asJSON bool) error {
	var report *audit.JobReport
	err := a.audit(c, settings, deep, func(one *audit.Audit, jobs *job.Store) error {
		j, err := jobs.Find(c.Context(), id)
		if err == nil {
			report, err = one.Job(c.Context(), j, deep)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("audit job: %w", err)
	}
	if asJSON {
		err = a.printJSON(report)
	} else {
		err = a.print(jobAuditText(report, a.width()))
	}
	if err == nil && !report.Clean {
		err = fmt.Errorf("audit job: %w: %d findings", errFound, len(report.Findings))
	}
	return err
}

// audit opens what an audit needs, and runs it.
func (a *app) audit(c *cobra.Command, settings config.Config, deep bool, run func(*audit.Audit, *job.Store) error) error {
	log, err := a.logger(settings.Log)
	if err != nil {
		return err
	}
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return err
	}
	kafka, err := consumer.New(settings.ConsumerConfig(), log, consumer.Hooks{})
	if err != nil {
		return err
	}
	defer kafka.Close()
	options := settings.ClickHouseOptions()
	options.ReadTimeout = auditReadTimeout
	conn, err := clickhouse.Open(options)
	if err != nil {
		return migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // read-only
	if deep {                           // only then the rules matter
		if err := a.obeySuppression(c, settings, conn, rules, log); err != nil {
			return err
		}
	}
	report, stop := a.progress.start()
	defer stop()
	return run(audit.New(audit.Deps{
		Kafka: kafka, Group: settings.Kafka.Group, Isolation: consumer.Isolation(settings.Kafka.Isolation),
		Conn: conn, Database: settings.ClickHouse.Database, Rules: rules, Now: a.now, Log: log.Named("audit"), Progress: report,
	}), service.NewJobs(settings, conn, a.now, log, report))
}
