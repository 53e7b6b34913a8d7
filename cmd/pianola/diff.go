package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/diff"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/schemas"
)

// diffReadTimeout limits the wait for one answer of ClickHouse. The digest of a large month
// may send nothing for minutes.
const diffReadTimeout = 30 * time.Minute

// maxDiffSamples bounds --limit: the ids of the samples are in one statement.
const maxDiffSamples = 1000

func (a *app) diffCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "diff DATABASE DATABASE",
		Short: "compare the events of two databases",
		Long: `Compares two databases on the configured server: events by month and action,
exact sums of transaction_value, every event that differs, open dead letters by
reason, and filtered subscriptions. So you can replay into another database
first, and look before you replay in place.

A moved event (another time, another action) is only in the first database, and
once more only in the second. Samples show differing columns with their values;
of user_id and user_email_hash_sha256 only that they differ. synced_at is not
compared.

The command is read-only. Writers may run, but then their month may differ. The
exit status is 3 when something differs, or when there was nothing to compare.`,
		Example: `  pianola diff piano piano_shadow
  pianola diff piano piano_shadow --month 2026-01 --month 2026-02 --json`,
		Args: cobra.ExactArgs(2),
	}
	months := c.Flags().StringArray("month", nil, "only events of this `YYYY-MM`; may be repeated")
	limit := c.Flags().Int("limit", 20, "maximum `NUMBER` of samples for each kind of difference")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "clickhouse", "log")
	c.RunE = func(c *cobra.Command, args []string) error {
		parts, err := diffParts(args, *months, *limit)
		if err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check("clickhouse", "log")
		if err != nil {
			return err
		}
		report, err := a.diff(c.Context(), settings, parts)
		if err != nil {
			return fmt.Errorf("compare %s with %s: %w", parts.First, parts.Second, err)
		}
		if *asJSON {
			err = a.printJSON(report)
		} else {
			err = a.print(diffText(report, a.width()))
		}
		switch {
		case err != nil:
			return err
		case report.Nothing:
			return fmt.Errorf("%w: there was nothing to compare", errFound)
		case !report.Identical:
			return fmt.Errorf("%w: the databases differ", errFound)
		}
		return nil
	}
	return c
}

// diffParts are the dependencies that come from the command line.
func diffParts(databases, months []string, limit int) (diff.Deps, error) {
	parts := diff.Deps{First: databases[0], Second: databases[1], Samples: limit}
	for i, name := range databases {
		if err := (schemas.Options{Database: name}).Validate(); err != nil {
			return parts, fmt.Errorf("database %d: %w", i+1, err)
		}
	}
	if parts.First == parts.Second {
		return parts, errors.New("give two different databases")
	}
	if limit < 0 || limit > maxDiffSamples {
		return parts, fmt.Errorf("--limit: must be between 0 and %d", maxDiffSamples)
	}
	for _, text := range months {
		month, err := diff.ParseMonth(text)
		if err != nil {
			return parts, fmt.Errorf("--month: %w", err)
		}
		parts.Months = append(parts.Months, month)
	}
	return parts, nil
}

// diff checks both schemas, because columns of other versions have no meaning here.
func (a *app) diff(ctx context.Context, settings config.Config, parts diff.Deps) (*diff.Report, error) {
	for _, name := range []string{parts.First, parts.Second} {
		settings.ClickHouse.Database = name
		if _, err := service.CheckClickHouse(ctx, settings); err != nil {
			return nil, err
		}
	}
	options := settings.ClickHouseOptions()
	options.ReadTimeout = diffReadTimeout
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, migrate.Explain(err)
	}
	defer func() { _ = conn.Close() }() // read-only
	report, stop := a.progress.start()
	defer stop()
	parts.Conn, parts.Progress = conn, report
	return diff.New(parts).Run(ctx)
}
