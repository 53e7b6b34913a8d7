package main

import (
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/schemas"
)

func (a *app) migrateCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "migrate",
		Short: "create or upgrade the schema in ClickHouse",
		Long: `Creates the database if it is missing and applies pending migrations. Repeated
and concurrent runs are safe. Then it fills the calendar of the metrics, if
analytics.timezone has changed.`,
		Example: `  pianola migrate --clickhouse.addr localhost:9000
  pianola migrate --dry-run > pending.sql`,
		Args: cobra.NoArgs,
	}
	dryRun := c.Flags().Bool("dry-run", false, "print the pending SQL without running it")
	asJSON := jsonFlag(c)
	config.AddFlags(c.Flags(), "clickhouse", "analytics", "log")
	c.RunE = func(c *cobra.Command, _ []string) error {
		settings, err := a.load(c).Check("clickhouse", "analytics", "log")
		if err != nil {
			return err
		}
		zone, err := settings.AnalyticsZone()
		if err != nil {
			return err
		}
		migrator, db, err := a.migrator(settings)
		if err != nil {
			return err
		}
		defer func() { _ = db.Close() }() // every statement is complete
		report, stop := a.progress.start()
		defer stop()
		migrator.Progress = report
		if *dryRun {
			return a.printPending(c, migrator, settings.ClickHouse.Database, *asJSON)
		}
		return a.migrateUp(c, migrator, zone, *asJSON)
	}
	return c
}

// migrator connects. The caller closes the pool.
func (a *app) migrator(settings config.Config) (*migrate.Migrator, *sql.DB, error) {
	log, err := a.logger(settings.Log)
	if err != nil {
		return nil, nil, err
	}
	db := clickhouse.OpenDB(settings.ClickHouseOptions())
	migrator, err := migrate.New(db, settings.ClickHouse.Database, log)
	if err != nil {
		_ = db.Close() // unused
		return nil, nil, err
	}
	return migrator, db, nil
}

// step is a migration in the JSON output.
type step struct {
	Version int64  `json:"version"`
	Name    string `json:"name"`
	SQL     string `json:"sql,omitempty"`
}

func (a *app) migrateUp(c *cobra.Command, m *migrate.Migrator, zone *time.Location, asJSON bool) error {
	applied, err := m.Up(c.Context())
	if err != nil {
		return err
	}
	changed, err := m.SetTimezone(c.Context(), zone)
	if err != nil {
		return err
	}
	steps := []step{}
	for _, one := range applied {
		steps = append(steps, step{Version: one.Version, Name: one.Name})
	}
	if asJSON {
		return a.printJSON(map[string]any{"applied": steps, "version": schemas.LatestVersion(), "timezone": zone.String()})
	}
	var b strings.Builder
	for _, one := range steps {
		fmt.Fprintf(&b, "applied %d %s\n", one.Version, one.Name)
	}
	if changed {
		fmt.Fprintf(&b, "the metrics have the days of %s\n", zone)
	}
	fmt.Fprintf(&b, "the schema is at version %d\n", schemas.LatestVersion())
	return a.print(b.String())
}

func (a *app) printPending(c *cobra.Command, m *migrate.Migrator, database string, asJSON bool) error {
	current, err := m.Current(c.Context())
	if err != nil {
		return err
	}
	if current > schemas.LatestVersion() {
		return m.Check(c.Context())
	}
	pending, err := m.Pending(c.Context())
	if err != nil {
		return err
	}
	if asJSON {
		steps := []step{}
		for _, one := range pending {
			steps = append(steps, step{Version: one.Version, Name: one.Name, SQL: one.SQL})
		}
		return a.printJSON(map[string]any{"pending": steps, "version": current})
	}
	if len(pending) == 0 {
		return a.print(fmt.Sprintf("-- The schema is at version %d; nothing is pending.\n", current))
	}
	text, err := ddl(database, pending, current == 0)
	if err != nil {
		return err
	}
	return a.print(text)
}
