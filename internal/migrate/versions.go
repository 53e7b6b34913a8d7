package migrate

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3/database"

	"github.com/pianola/pianola/schemas"
)

// versions is goose's store over that table. Unlike goose's own for ClickHouse it does
// not depend on the connection's default database, and a version written by two
// concurrent runs is one row.
type versions struct{ database string }

var _ database.StoreExtender = versions{}

// Tablename is the qualified name of the table.
func (v versions) Tablename() string {
	return schemas.Options{Database: v.database}.Table(schemas.VersionTable)
}

// CreateVersionTable creates the table where it is missing.
func (v versions) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, schemas.CreateVersionTable(v.database))
	return err
}

// TableExists reports whether the table exists. A missing database is no error.
func (v versions) TableExists(ctx context.Context, db database.DBTxConn) (bool, error) {
	var exists uint8
	err := db.QueryRowContext(ctx, "EXISTS TABLE "+v.Tablename()).Scan(&exists)
	return exists == 1, err
}

// Insert records a version. It uses INSERT … SELECT because clickhouse-go then sends the
// whole statement, over both protocols.
func (v versions) Insert(ctx context.Context, db database.DBTxConn, r database.InsertRequest) error {
	_, err := db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (version) SELECT %d", v.Tablename(), r.Version))
	return err
}

// Delete always fails, because migrations only go forward.
func (v versions) Delete(context.Context, database.DBTxConn, int64) error {
	return database.ErrNotImplemented
}

// GetMigration returns one version.
func (v versions) GetMigration(ctx context.Context, db database.DBTxConn, version int64) (*database.GetMigrationResult, error) {
	all, err := v.ListMigrations(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if m.Version == version {
			return &database.GetMigrationResult{IsApplied: true}, nil
		}
	}
	return nil, database.ErrVersionNotFound
}

// GetLatestVersion returns the highest applied version.
func (v versions) GetLatestVersion(ctx context.Context, db database.DBTxConn) (int64, error) {
	all, err := v.ListMigrations(ctx, db)
	if err != nil {
		return 0, err
	}
	if len(all) == 0 {
		return 0, database.ErrVersionNotFound
	}
	return all[0].Version, nil
}

// ListMigrations lists the applied migrations, newest first.
func (v versions) ListMigrations(ctx context.Context, db database.DBTxConn) ([]*database.ListMigrationsResult, error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT DISTINCT version FROM %s ORDER BY version DESC", v.Tablename()))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below reports the error
	var all []*database.ListMigrationsResult
	for rows.Next() {
		one := &database.ListMigrationsResult{IsApplied: true}
		if err := rows.Scan(&one.Version); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}
