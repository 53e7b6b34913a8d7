package migrate

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
)

// Migrator migrates one database. It is safe for concurrent use, and several
// processes may use one each at the same time.
type Migrator struct {
	db         *sql.DB
	options    schemas.Options
	migrations []schemas.Migration // oldest first
	log        *zap.Logger

	// Progress receives the steps of Up; nil for none. Set it before Up.
	Progress progress.Func
}

// New creates a migrator for the database of that name, which need not exist yet. The
// connections of db must not depend on it (leave clickhouse.Auth.Database empty). The
// caller closes db.
func New(db *sql.DB, database string, log *zap.Logger) (*Migrator, error) {
	options := schemas.Options{Database: database}
	migrations, err := schemas.Migrations(options)
	if err != nil {
		return nil, err
	}
	return &Migrator{db: db, options: options, migrations: migrations, log: log}, nil
}

// Current returns the version of the schema in the database; 0 without a database or an
// applied migration. It only reads.
func (m *Migrator) Current(ctx context.Context) (int64, error) {
	applied, err := m.applied(ctx)
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", Explain(err))
	}
	if len(applied) == 0 {
		return 0, nil
	}
	return slices.Max(applied), nil
}

// Pending lists the pending migrations, oldest first. It only reads.
func (m *Migrator) Pending(ctx context.Context) ([]schemas.Migration, error) {
	applied, err := m.applied(ctx)
	if err != nil {
		return nil, fmt.Errorf("read schema version: %w", Explain(err))
	}
	return slices.DeleteFunc(slices.Clone(m.migrations), func(one schemas.Migration) bool {
		return slices.Contains(applied, one.Version)
	}), nil
}

// Check returns nil when the schema has this binary's version. Otherwise the error wraps
// ErrSchemaOlder or ErrSchemaNewer, or explains why the version could not be read. It
// only reads.
func (m *Migrator) Check(ctx context.Context) error {
	current, err := m.Current(ctx)
	if err != nil {
		return err
	}
	switch latest := schemas.LatestVersion(); {
	case current < latest:
		return fmt.Errorf("%w: database %s has version %d, this binary needs %d; run pianola migrate",
			ErrSchemaOlder, m.options.Database, current, latest)
	case current > latest:
		return fmt.Errorf("%w: database %s has version %d, this binary knows %d; upgrade pianola",
			ErrSchemaNewer, m.options.Database, current, latest)
	default:
		return nil
	}
}

// Up creates the database where it is missing and applies the pending migrations, oldest
// first. It returns what it applied, also after an error, and changes nothing when the
// schema is newer than this binary.
func (m *Migrator) Up(ctx context.Context) ([]schemas.Migration, error) {
	current, err := m.Current(ctx)
	if err != nil {
		return nil, err
	}
	if current > schemas.LatestVersion() {
		return nil, m.Check(ctx)
	}
	m.Progress.Report(progress.Step{Name: "create the database"})
	if err := m.createDatabase(ctx); err != nil {
		return nil, fmt.Errorf("create database %s: %w", m.options.Database, Explain(err))
	}
	if err := m.createVersions(ctx); err != nil {
		return nil, fmt.Errorf("create the table of applied migrations in %s: %w", m.options.Database, Explain(err))
	}
	var done []schemas.Migration
	provider, err := m.provider(func(one schemas.Migration) { done = append(done, one) })
	if err != nil {
		return nil, fmt.Errorf("prepare migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return done, fmt.Errorf("migrate database %s: %w", m.options.Database, Explain(err))
	}
	return done, nil
}

// provider gives the migrations to goose, which keeps the order, refuses gaps and records
// what was applied. They are functions, not files, so that only the package schemas
// splits them into statements.
func (m *Migrator) provider(applied func(schemas.Migration)) (*goose.Provider, error) {
	var steps []*goose.Migration
	for _, one := range m.migrations {
		run := func(ctx context.Context, db *sql.DB) error {
			ran := m.Progress.Count(fmt.Sprintf("apply migration %d %s", one.Version, one.Name), "statements", uint64(len(one.Statements)))
			for _, statement := range one.Statements {
				if _, err := db.ExecContext(ctx, statement); err != nil {
					return err
				}
				ran.Add(1)
			}
			m.log.Debug("migration applied", zap.Int64("version", one.Version), zap.String("name", one.Name))
			applied(one)
			return nil
		}
		steps = append(steps, goose.NewGoMigration(one.Version, &goose.GoFunc{RunDB: run}, nil))
	}
	return goose.NewProvider(goose.DialectCustom, m.db, nil,
		goose.WithStore(versions{m.options.Database}),
		goose.WithGoMigrations(steps...),
		goose.WithDisableGlobalRegistry(true),
		goose.WithIsolateDDL(true), // ClickHouse has no transactions for DDL
		goose.WithSlog(slog.New(slog.DiscardHandler)))
}

// createDatabase checks first, since a user without the right to create databases may
// migrate one that an administrator created.
func (m *Migrator) createDatabase(ctx context.Context) error {
	var exists uint8
	err := m.db.QueryRowContext(ctx, fmt.Sprintf("EXISTS DATABASE `%s`", m.options.Database)).Scan(&exists)
	if err != nil || exists == 1 {
		return err
	}
	statement, err := schemas.CreateDatabase(m.options)
	if err != nil {
		return err
	}
	_, err = m.db.ExecContext(ctx, statement)
	return err
}

// createVersions creates the table of applied migrations with the row of version 0 that
// goose needs. Goose would do it too, but repeats each refused statement four times, and
// always fails on a table that an interrupted start left without the row.
func (m *Migrator) createVersions(ctx context.Context) error {
	applied, err := m.applied(ctx)
	if err != nil || len(applied) > 0 {
		return err
	}
	store := versions{m.options.Database}
	if err := store.CreateVersionTable(ctx, m.db); err != nil {
		return err
	}
	return store.Insert(ctx, m.db, database.InsertRequest{Version: 0})
}

// applied lists the applied versions, in no order.
func (m *Migrator) applied(ctx context.Context) ([]int64, error) {
	store := versions{m.options.Database}
	exists, err := store.TableExists(ctx, m.db)
	if err != nil || !exists {
		return nil, err
	}
	all, err := store.ListMigrations(ctx, m.db)
	if err != nil {
		return nil, err
	}
	var list []int64
	for _, one := range all {
		list = append(list, one.Version)
	}
	return list, nil
}
