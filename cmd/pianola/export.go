package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/export/objects"
	"github.com/pianola/pianola/internal/service"
)

func (a *app) exportCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "export VIEW --to DESTINATION --format FORMAT",
		Short: "write a view as Parquet, CSV or NDJSON files",
		Long: `Writes a view as files for another company or another warehouse.

VIEW is stream (piano_subscriber_event_stream), snapshot (piano_api_subscriptions),
traits (subscription_traits, with Piano's own column names), analytics_events,
subscription_state, or a view of your own whose name begins with export_. Tables
are never exported: they hold more than may leave.

The destination is a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, or - for
standard output. Credentials of buckets come from the environment or a profile.

Files count when a manifest names them. The manifest is a JSON file that is
written last: columns, rows, times, and size and SHA-256 of each file. A failed
export leaves no manifest, and the next export into a directory removes the rest.

--since last writes what has changed since the newest manifest of the same view,
format and month. Without one it writes everything. Some rows come again: merge
by subscription_id, event_timestamp and subscription_action. Keys in the deleted
files are to be removed first.

ClickHouse makes the files, over HTTP (export.clickhouse_addr). pianola run
repeats the exports of export.schedule.

The exit status is 3 when nothing was exported although there should be rows.`,
		Example: `  pianola export stream --to ./files --format parquet --partition-by month
  pianola export stream --to s3://lake/piano --format parquet --since last
  pianola export traits --to ./files --format csv
  pianola export stream --to - --format csv --month 2026-10 | gzip > october.csv.gz`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: export.Names(),
	}
	var words export.Arguments
	c.Flags().StringVar(&words.To, "to", "", "`DESTINATION`: a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or - (required)")
	c.Flags().StringVar(&words.Format, "format", "", "`FORMAT` of the files: parquet, csv or ndjson (required)")
	c.Flags().StringVar(&words.Since, "since", "", "only rows written since `TIME` (RFC 3339), or since the last export (last)")
	c.Flags().StringVar(&words.Month, "month", "", "only this `MONTH` of event_timestamp, such as 2026-10")
	c.Flags().StringVar(&words.PartitionBy, "partition-by", "", "one file for each month of event_timestamp (`month`)")
	asJSON := jsonFlag(c)
	sections := []string{"clickhouse", "export", "log"}
	config.AddFlags(c.Flags(), sections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		words.View = args[0]
		request, err := words.Parse(a.now())
		if err != nil {
			return usageError{flagNames(err)}
		}
		if _, terminal := a.terminalOf(a.stdout); terminal && words.To == "-" && request.Format == export.Parquet {
			return usageError{errors.New("--to: standard output is a terminal; redirect it to a file")}
		}
		settings, err := a.load(c).Check(sections...)
		if err != nil {
			return err
		}
		m, err := a.export(c.Context(), settings, request)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		if err := a.printExport(m, *asJSON, words.To == "-"); err != nil {
			return err
		}
		if m.NothingExported != "" {
			return fmt.Errorf("export: %w: nothing was exported: %s", errFound, m.NothingExported)
		}
		return nil
	}
	return c
}

// export runs once.
func (a *app) export(ctx context.Context, settings config.Config, request export.Request) (*export.Manifest, error) {
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, err
	}
	report, stop := a.progress.start()
	defer stop()
	e, err := service.NewExporting(settings, service.ExportingDeps{Stdout: a.stdout, Bucket: objects.Open, Now: a.now, Log: log, Progress: report})
	if err != nil {
		return nil, err
	}
	defer e.Close()
	m, err := e.Run(ctx, request)
	var output *export.OutputError
	if errors.As(err, &output) {
		return nil, outputError{output.Unwrap()}
	}
	return m, err
}

// flagNames turns the names of arguments at the beginning of each mistake into flags.
func flagNames(err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		for _, name := range []string{"to", "format", "since", "month", "partition-by"} {
			if strings.HasPrefix(line, name+": ") {
				lines[i] = "--" + line
			}
		}
	}
	return errors.New(strings.Join(lines, "\n"))
}
