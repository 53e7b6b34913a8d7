package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

func (a *app) reconcileCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "compare the event-derived state with Piano's API",
		Long: `Takes a snapshot of every subscription from Piano's API and waits until the
stream is ingested up to the snapshot time. Then it compares the snapshot with
the state that the events describe. Subscriptions that differ are read from the
API again. Differences that remain are drift, which the table drift stores.

The command waits reconcile.settle for late messages, then for the consumer
group. The group must be running. The command changes nothing in Piano. It may
run beside pianola run, which reconciles every reconcile.interval.

--csv compares with a subscription log that was exported from Piano, as a CSV
or ZIP file. It needs --as-of, the time of the export, but no API token.
Differences stay unverified. With --csv-from and --csv-to, the days of the start
dates that were exported, subscriptions that the file lacks are differences too;
the first and the last day do not count. A file that a spreadsheet has saved is
refused if it is damaged: use the file as Piano made it.

--accept-deletions accepts that up to NUMBER subscriptions were deleted in Piano,
when a run has reported more missing subscriptions than it takes for deletions.

--export requests a subscription log from Piano and compares with it. The log
has more fields than the API's list, but Piano may take long to produce it. It
needs the API token. The file is private and is deleted afterwards.

The exit status is 3 when there is drift, or when nothing was compared although
there are subscriptions to compare. Bill-date and price differences are reported
but do not count as drift.`,
		Example: `  pianola reconcile
  pianola reconcile --json | jq '.drift[] | {kind, count}'
  pianola reconcile --csv subscriptions.csv --as-of 2026-03-01T06:00:00Z
  pianola reconcile --export --export-from 2024-01-01
  pianola reconcile --accept-deletions 1200`,
		Args: cobra.NoArgs,
	}
	var from file
	c.Flags().StringVar(&from.name, "csv", "", "compare with this subscription log instead of the API (`FILE`)")
	asOf := c.Flags().String("as-of", "", "`TIME` of the export, RFC 3339")
	firstDay := c.Flags().String("csv-from", "", "first start date that the file was exported for (`DAY`)")
	lastDay := c.Flags().String("csv-to", "", "last start date that the file was exported for (`DAY`)")
	accept := c.Flags().Uint64("accept-deletions", 0, "accept that up to `NUMBER` missing subscriptions were deleted in Piano")
	export := logExportFlags(c)
	asJSON := jsonFlag(c)
	sections := []string{"kafka", "clickhouse", "transform", "piano", "reconcile", "erasure", "log"}
	config.AddFlags(c.Flags(), append(sections, "consumer.instance")...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(from.setAsOf(*asOf, a.now()), from.setDays(*firstDay, *lastDay), export.check(c, from, a.now())); err != nil {
			return usageError{err}
		}
		if *accept > 0 && (from.name != "" || export.wanted) {
			return usageError{errors.New("--accept-deletions: needs the API; only its snapshots show that a subscription was deleted")}
		}
		settings, err := a.load(c).Check(sections...)
		if err == nil && from.name == "" {
			err = requireAPI(settings.Piano)
		}
		if err != nil {
			return err
		}
		report, err := a.reconcile(c.Context(), settings, from, export, *accept)
		if err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if *asJSON {
			err = a.printJSON(report)
		} else {
			err = a.print(reconcileText(report, a.width()))
		}
		switch {
		case err != nil:
			return err
		case !report.Clean():
			return fmt.Errorf("reconcile: %w: stream and API differ", errFound)
		case report.NothingCompared:
			return fmt.Errorf("reconcile: %w: nothing was compared", errFound)
		}
		return nil
	}
	return c
}

// file is a subscription log and its time; without a name there is no file.
type file struct {
	name  string
	asOf  time.Time
	until time.Time // the latest time of its data
	// firstDay and lastDay are of the start dates that it was exported for; zero where
	// they are unknown.
	firstDay, lastDay time.Time
}

// setDays parses the days that the file was exported for. Each of the two flags needs the
// other.
func (f *file) setDays(first, last string) (err error) {
	switch {
	case first == "" && last == "":
		return nil
	case f.name == "":
		return errors.New("--csv-from, --csv-to: need a file; add --csv")
	case first == "" || last == "":
		return errors.New("--csv-from, --csv-to: each needs the other")
	}
	var mistakes []error
	for _, day := range []struct {
		flag, text string
		into       *time.Time
	}{{"--csv-from", first, &f.firstDay}, {"--csv-to", last, &f.lastDay}} {
		if *day.into, err = parseDay(day.flag, day.text); err != nil {
			mistakes = append(mistakes, err)
		}
	}
	if len(mistakes) == 0 && f.lastDay.Before(f.firstDay) {
		mistakes = append(mistakes, errors.New("--csv-to: is before --csv-from"))
	}
	return errors.Join(mistakes...)
}

// firstYear is the first one that a date of Piano may have, as in the stream.
const firstYear = 2000

// parseDay parses the day of a flag. A mistyped year must not end a run of an hour.
func parseDay(flag, text string) (time.Time, error) {
	day, err := time.Parse(time.DateOnly, text)
	switch {
	case err != nil:
		return time.Time{}, fmt.Errorf("%s: not a day; use the form 2024-01-31", flag)
	case day.Year() < firstYear:
		return time.Time{}, fmt.Errorf("%s: is before the year %d", flag, firstYear)
	default:
		return day, nil
	}
}

// setAsOf parses the time of the export. Each of the two flags needs the other.
func (f *file) setAsOf(asOf string, now time.Time) (err error) {
	switch {
	case f.name == "" && asOf == "":
		return nil
	case f.name == "":
		return errors.New("--as-of: needs a file; add --csv")
	case asOf == "":
		return errors.New("--csv: needs the time of the export; add --as-of 2026-01-31T12:00:00Z")
	}
	if f.asOf, err = time.Parse(time.RFC3339, asOf); err != nil {
		return errors.New("--as-of: not a time; use the form 2026-01-31T12:00:00Z")
	}
	if f.asOf.After(now) {
		return errors.New("--as-of: is in the future")
	}
	if f.asOf.Year() < firstYear {
		return fmt.Errorf("--as-of: is before the year %d", firstYear)
	}
	f.until = f.asOf
	return nil
}

// requireAPI reports missing settings of the API.
func requireAPI(p config.Piano) error {
	if p.APIToken != "" {
		return nil // Check has verified piano.aid
	}
	mistakes := []config.Problem{{Key: "piano.api_token", Message: "is empty; set piano.api_token_file or PIANOLA_PIANO_API_TOKEN, or compare with a file (--csv)"}}
	if p.AID == "" {
		mistakes = append(mistakes, config.Problem{Key: "piano.aid", Message: "is empty; set the application id"})
	}
	return &config.Error{Problems: mistakes}
}

// reconcile runs once. It checks all connections first, because the snapshot and the
// wait for the stream take many minutes.
func (a *app) reconcile(ctx context.Context, settings config.Config, from file, export *logExport, acceptDeletions uint64) (*reconcile.Report, error) {
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, err
	}
	report, stop := a.progress.start()
	defer stop()
	rules, err := transform.New(settings.TransformConfig())
	if err != nil {
		return nil, err
	}
	var csv *subscriptionlog.Reader
	if from.name != "" {
		if csv, err = subscriptionlog.OpenFile(from.name, rules); err != nil {
			return nil, err
		}
	}
	defer func() {
		if csv != nil {
			_ = csv.Close() // read-only
		}
	}()
	report(progress.Step{Name: "connect to ClickHouse and Kafka"})
	if _, err := service.CheckClickHouse(ctx, settings); err != nil {
		return nil, err
	}
	kafka, err := consumer.New(settings.ConsumerConfig(), log, consumer.Hooks{})
	if err != nil {
		return nil, err
	}
	defer kafka.Close()
	if err := kafka.Check(ctx); err != nil {
		return nil, err
	}
	r, err := service.NewReconciling(settings, service.ReconcilingDeps{
		Rules: rules, Kafka: kafka, Now: a.now, Log: log, Run: reconcile.Hooks{OnProgress: report},
	})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if export.wanted {
		from.asOf = a.now().UTC().Truncate(time.Millisecond) // the file may contain later changes
		report(progress.Step{Name: "wait for the export from Piano", Until: a.now().Add(export.wait)})
		made, size, err := export.fetch(ctx, settings, from.asOf, log)
		if err != nil {
			return nil, err
		}
		defer made.Close()
		from.until = a.now().UTC() // changes until here may be in the file
		from.firstDay, from.lastDay = export.from, from.asOf.Truncate(24*time.Hour)
		if csv, err = subscriptionlog.Open(made, size, rules); err != nil {
			return nil, fmt.Errorf("read export: %w", err)
		}
	}
	log.Info("reconciling: snapshot first, then wait for the stream", zap.Duration("settle", settings.Reconcile.Settle))
	if csv != nil {
		return r.RunCSV(ctx, reconcile.File{Log: csv, AsOf: from.asOf, Until: from.until, FirstDay: from.firstDay, LastDay: from.lastDay})
	}
	return r.RunAccepting(ctx, acceptDeletions)
}
