package schemas

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Options are the deployment for which the DDL is rendered.
type Options struct {
	// Database is the name of the database: a plain identifier.
	Database string
	// Cluster names a ClickHouse cluster; empty means one server. With a cluster
	// each table becomes a replicated <table>_local on every node and a
	// Distributed table with the plain name, so readers and writers see no
	// difference. A golden file tests this form. It has not run on a real
	// cluster.
	Cluster string
}

// identifier needs no quoting in SQL or in a shell.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate checks that the names are valid in SQL.
func (o Options) Validate() error {
	if !identifier.MatchString(o.Database) {
		return errors.New("database name: use letters, digits and underscores, not starting with a digit")
	}
	if o.Cluster != "" && !identifier.MatchString(o.Cluster) {
		return errors.New("cluster name: use letters, digits and underscores, not starting with a digit")
	}
	return nil
}

// CreateDatabase is the statement that creates the database if it is missing.
func CreateDatabase(o Options) (string, error) {
	if err := o.Validate(); err != nil {
		return "", err
	}
	return fmt.Sprintf("CREATE DATABASE IF NOT EXISTS `%s`%s", o.Database, clauses{o}.OnCluster()), nil
}

// clauses are the template functions of the migrations: the DDL that differs
// between one server and a cluster.
type clauses struct{ o Options }

// OnCluster follows the name of the created object.
func (c clauses) OnCluster() string {
	if c.o.Cluster == "" {
		return ""
	}
	return fmt.Sprintf(" ON CLUSTER `%s`", c.o.Cluster)
}

// Stored is the name of the table that holds the rows.
func (c clauses) Stored(table string) string {
	if c.o.Cluster != "" {
		table += "_local"
	}
	return c.Table(table)
}

// Table is the name for reading and writing.
func (c clauses) Table(table string) string {
	return fmt.Sprintf("`%s`.`%s`", c.o.Database, table)
}

// View is the name of a view.
func (c clauses) View(view string) string { return c.Table(view) }

// Engine is a MergeTree engine, or its replicated form, with its arguments.
func (c clauses) Engine(name string, arguments ...string) string {
	if c.o.Cluster != "" {
		name = "Replicated" + name
		arguments = append([]string{"'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"}, arguments...)
	}
	return name + "(" + strings.Join(arguments, ", ") + ")"
}

// Distributed is the statement that creates a Distributed table over a stored
// one; empty on one server. Rows of one key must be on one shard to be
// deduplicated, so the sharding expression uses only columns of the key.
func (c clauses) Distributed(table, sharding string) string {
	if c.o.Cluster == "" {
		return ""
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s\nENGINE = Distributed(`%s`, `%s`, `%s_local`, %s);",
		c.Table(table), c.OnCluster(), c.Stored(table), c.o.Cluster, c.o.Database, table, sharding)
}
