// Package migrate brings a ClickHouse database to the schema that the package
// schemas holds, and says whether it is there.
//
// Words used here:
//
//   - version: the number of a migration; a database has the version of the last
//     migration applied to it, 0 before the first.
//   - pending: a migration that has not been applied.
//   - older, newer: what the schema in the database is to this binary.
//
// Applied versions are rows of schema_migrations in the same database. Migrations
// only go forward, every statement may run again without harm, and ClickHouse has
// no transactions for DDL: a run that was cut short is finished by the next one,
// and two at once end in the same schema.
package migrate
