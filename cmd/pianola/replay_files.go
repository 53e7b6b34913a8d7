package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/files"
	"github.com/pianola/pianola/internal/replay/files/rows"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/service"
)

// fileSections are the settings of a job over files. Kafka is not needed.
var fileSections = []string{"clickhouse", "batch", "transform", "replay", "erasure", "shutdown", "log"}

func (a *app) replayFilesCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "files PATH...",
		Short: "load events from files by the rules of the stream",
		Long: `Reads NDJSON, CSV or Parquet, plain or compressed with gzip or zstd, and stores the
rows as events by the rules of the stream. PATH is a file, a pattern in quotes,
- for standard input, or a URL: s3://BUCKET/KEY or gs://BUCKET/KEY, where the key
may be a pattern. An S3-compatible server is ?endpoint=https://HOST:PORT.
Credentials come from the environment or a profile, never from a URL.

CSV needs a header with the documented names, or aliases in
transform.field_aliases. Format, compression, separator and quote are detected,
and the plan shows them. An event that the stream delivers too keeps the stream's
values.

Without a flag it prints the plan. --dry-run reads all rows and reports what would
change. --execute loads. An execution is a job. It may be interrupted at any
moment, and continues with pianola replay resume; standard input cannot be
resumed. A file that cannot be read completely does not stop the others.

Files that a complete job has loaded by the same rules are left out. When a file
is loaded again, events that it no longer gives are removed at the end. If its
content has changed, that needs --replace.

The exit status is 3 when a dry run finds differences, and when a job has opened
dead letters.`,
		Example: `  pianola replay files 'history/*.csv.gz'
  pianola replay files 's3://exports/2025/*.parquet?region=eu-north-1' --dry-run
  zcat history.ndjson.gz | pianola replay files - --execute`,
		Args: cobra.MinimumNArgs(1),
	}
	c.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return nil, cobra.ShellCompDirectiveDefault // a file
	}
	var asked fileFlags
	asked.add(c)
	var limits limitFlags
	limits.addFilter(c)
	limits.add(c)
	var mode replayMode
	mode.add(c, "load")
	config.AddFlags(c.Flags(), fileSections...)
	c.RunE = func(c *cobra.Command, args []string) error {
		dialects, err := asked.dialects()
		if err = errors.Join(mode.check(), err, limits.check()); err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(fileSections...)
		if err != nil {
			return err
		}
		return a.replayFiles(c, settings, args, dialects, &asked, &limits, mode)
	}
	return c
}

// fileFlags are the flags about the files themselves.
type fileFlags struct {
	format, separator, quote string
	parallel                 int
	replace, again           bool
}

func (f *fileFlags) add(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&f.format, "format", "", "`FORMAT` of all files: ndjson, csv or parquet (default detected)")
	flags.StringVar(&f.separator, "separator", "", "`CHARACTER` between the cells of CSV, such as ; or tab (default detected)")
	flags.StringVar(&f.quote, "quote", "", "`CHARACTER` around cells of CSV: \", ' or none (default detected)")
	flags.IntVar(&f.parallel, "parallel", files.DefaultParallel, "read `NUMBER` files at a time")
	flags.BoolVar(&f.replace, "replace", false, "remove events that changed files no longer give")
	flags.BoolVar(&f.again, "again", false, "read files again that a complete job has loaded by the same rules")
}

// maxParallel bounds the memory: each file has its buffers.
const maxParallel = 16

func (f *fileFlags) dialects() (d files.Dialects, err error) {
	d.Format = rows.Format(f.format)
	if f.format != "" && !slices.Contains(rows.Formats(), d.Format) {
		return d, errors.New("--format: must be ndjson, csv or parquet")
	}
	if f.separator != "" {
		if d.CSV.Separator, err = rows.ParseSeparator(f.separator); err != nil {
			return d, fmt.Errorf("--separator: %w", err)
		}
	}
	if f.quote != "" {
		if d.CSV.Quote, err = rows.ParseQuote(f.quote); err != nil {
			return d, fmt.Errorf("--quote: %w", err)
		}
		d.CSV.QuoteStated = true
	}
	if f.parallel < 1 || f.parallel > maxParallel {
		return d, fmt.Errorf("--parallel: must be from 1 to %d", maxParallel)
	}
	return d, nil
}

// loader is for jobs that read files. The caller closes the buckets.
func (a *app) loader(c *cobra.Command, t *service.Replaying, parallel int) (*files.Loader, *client.Buckets) {
	buckets := new(client.Buckets)
	return files.New(files.Deps{
		Places: files.Places{Stdin: &interruptible{ctx: c.Context(), from: a.stdin}, Buckets: buckets, Pause: files.DefaultPause},
		Jobs:   t.Jobs, Rules: t.Rules, Aliases: t.Settings.Transform.FieldAliases, InForce: t.InForce, MaxMessage: int(t.Settings.Transform.MaxMessageBytes),
		Writer: t.Writer, Conn: t.Conn, Database: t.Settings.ClickHouse.Database, Parallel: parallel,
		MaxRows: t.Settings.Batch.MaxRows, MaxBytes: int(t.Settings.Batch.MaxBytes), Now: t.Now, Log: t.Log, Progress: t.Progress,
	}), buckets
}

func (a *app) replayFiles(c *cobra.Command, settings config.Config, paths []string, d files.Dialects, asked *fileFlags, limits *limitFlags, mode replayMode) error {
	return a.withReplaying(c, settings, func(tools *service.Replaying) error {
		filter, unknown, err := job.ParseFilter(limits.filter, tools.Rules)
		if err != nil {
			return usageError{fmt.Errorf("--filter: %w", err)}
		}
		l, buckets := a.loader(c, tools, asked.parallel)
		defer func() { _ = buckets.Close() }() // they were only read
		wanted := files.Limits{Filter: filter, Rate: limits.rate, MaxErrors: limits.limit(), Replace: asked.replace, Again: asked.again}
		plan, err := l.Plan(c.Context(), paths, d, wanted)
		if err != nil {
			return err
		}
		if len(unknown) > 0 {
			plan.Notes = append(plan.Notes, unknownAction)
		}
		of := &replayPlan{
			plan: plan, notes: plan.Notes, verb: "load", noun: "load",
			text:    func(width int) string { return filesText(plan, width) },
			empty:   len(plan.Files) == 0,
			compare: func() (*job.Comparison, error) { return l.Compare(c.Context(), plan) },
			run:     func() (*job.Job, error) { return l.Execute(c.Context(), plan, wanted) },
		}
		if n := len(plan.Problems); n > 0 {
			of.problem = fmt.Errorf("%d files cannot be read; see the plan", n)
		}
		return a.actOnPlan(of, mode, tools.Log)
	})
}
