// Package dbt writes a dbt project over the deduplicating views: sources with freshness and
// tests, staging models, models of the marts, exposures and documentation blocks.
//
// Words are those of dbt. Everything that the schema knows comes from the catalogue of
// package schemas: names, types and comments of the columns. What it does not know is in one
// table, [facts]: keys, freshness, accepted values, relationships. A view without an entry
// there is still a source and a staging model, without tests, and a test of this package
// fails. The models of marts are the queries of the migrations, with references in place of
// names, so a mart has one definition.
//
// [Project] returns all files, and [Sources] the one that a project of your own needs. The
// directory project has the files of the default database, so that they can be read, and
// used as a package of dbt. static has the parts that are copied as they are.
package dbt
