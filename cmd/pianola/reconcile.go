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
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/transform"
)

func (a *app) reconcileCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "reconcile",
		Short: "compare what the events amount to with Piano's API, now",
		Long: `Takes a snapshot of every subscription from Piano's API, waits until the stream has
been ingested up to that moment, and compares it with what the events amount to. What
differs is asked about again; what remains is drift, and is in the table drift.

Messages may come late: it waits reconcile.settle after the snapshot, and then for the
consumer group, which has to be at work. It repairs nothing and changes nothing at
Piano's. It may run beside pianola run, which reconciles by itself every
reconcile.interval.

--csv takes a subscription log that was exported from Piano in place of the API, plain
or as a ZIP file. It needs --as-of, the moment of the export, and no API token; what
differs stays unverified.

--export has Piano make that log now, which can take it long, and compares with it: it
tells more of each subscription than the API's list. It needs the API token, and is
fetched into a file that nobody else sees and that is gone afterwards.

Exit status 3 says that there is drift. A moved bill date (routine) and a price
(information) are told, and are none.`,
		Example: `  pianola reconcile
  pianola reconcile --json | jq '.drift[] | {kind, count}'
  pianola reconcile --csv subscriptions.csv --as-of 2026-03-01T06:00:00Z
  pianola reconcile --export --export-from 2024-01-01`,
		Args: cobra.NoArgs,
	}
	var from file
	c.Flags().StringVar(&from.name, "csv", "", "compare with this subscription log in place of the API (`FILE`)")
	asOf := c.Flags().String("as-of", "", "when the subscription log was exported, as an RFC 3339 `TIME`")
	export := exportFlags(c)
	asJSON := jsonFlag(c)
	sections := []string{"kafka", "clickhouse", "transform", "piano", "reconcile", "log"}
	config.AddFlags(c.Flags(), append(sections, "consumer.instance")...)
	c.RunE = func(c *cobra.Command, _ []string) error {
		if err := errors.Join(from.at(*asOf, a.now()), export.check(c, from, a.now())); err != nil {
			return usageError{err}
		}
		settings, err := a.load(c).Check(sections...)
		if err == nil && from.name == "" {
			err = wantAPI(settings.Piano)
		}
		if err != nil {
			return err
		}
		report, err := a.reconcile(c.Context(), settings, from, export)
		if err != nil {
			return fmt.Errorf("reconcile: %w", err)
		}
		if *asJSON {
			err = a.printJSON(report)
		} else {
			err = a.print(reconcileText(report))
		}
		if err == nil && !report.Clean() {
			err = fmt.Errorf("reconcile: %w: stream and API disagree", errFound)
		}
		return err
	}
	return c
}

// file is a subscription log and its moment; no name is none.
type file struct {
	name  string
	asOf  time.Time
	until time.Time // the latest moment that it may tell of
}

// at takes the moment. Only together do the two flags say something.
func (f *file) at(asOf string, now time.Time) (err error) {
	switch {
	case f.name == "" && asOf == "":
		return nil
	case f.name == "":
		return errors.New("--as-of: says when a file was exported; give the file with --csv")
	case asOf == "":
		return errors.New("--csv: the file does not say when it was exported; add --as-of, such as 2026-01-31T12:00:00Z")
	}
	if f.asOf, err = time.Parse(time.RFC3339, asOf); err != nil {
		return errors.New("--as-of: write it as 2026-01-31T12:00:00Z")
	}
	if f.asOf.After(now) {
		return errors.New("--as-of: lies in the future")
	}
	f.until = f.asOf
	return nil
}

// wantAPI is the mistake of a configuration without what the API needs.
func wantAPI(p config.Piano) error {
	if p.APIToken != "" {
		return nil // then the application is there: Check
	}
	mistakes := []config.Problem{{Key: "piano.api_token", Message: "is not set, and neither is piano.api_token_file; without one only a file can be compared (--csv)"}}
	if p.AID == "" {
		mistakes = append(mistakes, config.Problem{Key: "piano.aid", Message: "is empty: the application's id in Piano"})
	}
	return &config.Error{Problems: mistakes}
}

// reconcile runs once. What can be known to fail is tried first: taking a snapshot
// and waiting for the stream is a matter of many minutes.
func (a *app) reconcile(ctx context.Context, settings config.Config, from file, export *export) (*reconcile.Report, error) {
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, err
	}
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
			_ = csv.Close() // it was only read
		}
	}()
	if err := a.tryClickHouse(ctx, settings); err != nil {
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
	r, err := service.NewReconciling(settings, service.ReconcilingParts{
		Rules: rules, Kafka: kafka, Now: a.now, Log: log, API: piano.Hooks{}, Run: reconcile.Hooks{},
	})
	if err != nil {
		return nil, err
	}
	defer r.Close()
	if export.wanted {
		from.asOf = a.now().UTC().Truncate(time.Millisecond) // whatever happens from here on may be in the file
		made, size, err := export.fetch(ctx, settings, from.asOf, log)
		if err != nil {
			return nil, err
		}
		defer made.Close()
		from.until = a.now().UTC() // what happened while it was made may be in it too
		if csv, err = subscriptionlog.Open(made, size, rules); err != nil {
			return nil, fmt.Errorf("the export: %w", err)
		}
	}
	log.Info("reconciling: a snapshot is taken, and then the stream is waited for", zap.Duration("settle", settings.Reconcile.Settle))
	if csv != nil {
		return r.RunCSV(ctx, csv, from.asOf, from.until)
	}
	return r.Run(ctx)
}
