// Package migrate applies the migrations of the package schemas to a ClickHouse database,
// and checks its version.
//
// Words:
//
//   - version: the number of a migration. A database has the version of the last
//     migration applied to it, 0 before the first.
//   - pending: a migration that is not applied.
//   - older, newer: the schema of the database compared with this binary.
//
// [Migrator.Up] creates the database and the table schema_migrations, then goose runs the
// statements of each pending migration in order and records its version. [Migrator.Check]
// compares the version with this binary; every command that writes calls it first. [Explain]
// turns errors of ClickHouse into text that may be logged, for all packages.
//
// ClickHouse has no transactions for DDL. So migrations only go forward, and every
// statement is idempotent: the next run completes an interrupted one, and two concurrent
// runs end in the same schema.
package migrate
