package schemas

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// Options say for which deployment the DDL is rendered.
type Options struct {
	// Database is the database that holds everything: a plain identifier.
	Database string
	// Cluster names a ClickHouse cluster; empty means one server. With it each
	// table becomes a replicated <table>_local on every node and a Distributed
	// one in front under the plain name, so that readers and writers see no
	// difference. That form is held by a golden file and has not been run on a
	// real cluster.
	Cluster string
}

// identifier is what needs no thought about quoting, in SQL or in a shell.
var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// Validate says whether the names can be put into SQL.
func (o Options) Validate() error {
	if !identifier.MatchString(o.Database) {
		return errors.New("database name: use letters, digits and underscores, and begin with no digit")
	}
	if o.Cluster != "" && !identifier.MatchString(o.Cluster) {
		return errors.New("cluster name: use letters, digits and underscores, and begin with no digit")
	}
	return nil
}

// CreateDatabase is the statement that makes the database where it is missing.
func CreateDatabase(o Options) (string, error) {
	if err := o.Validate(); err != nil {
		return "", err
	}
	return fmt.Sprintf("CREATE DATABASE IF NOT EXISTS `%s`%s", o.Database, clauses{o}.OnCluster()), nil
}

// clauses are what the migrations ask of their template: the parts of DDL that
// differ between one server and a cluster.
type clauses struct{ o Options }

// OnCluster goes after the name of whatever is created.
func (c clauses) OnCluster() string {
	if c.o.Cluster == "" {
		return ""
	}
	return fmt.Sprintf(" ON CLUSTER `%s`", c.o.Cluster)
}

// Stored names the table that holds the rows.
func (c clauses) Stored(table string) string {
	if c.o.Cluster != "" {
		table += "_local"
	}
	return c.Table(table)
}

// Table names what is read from and written to.
func (c clauses) Table(table string) string {
	return fmt.Sprintf("`%s`.`%s`", c.o.Database, table)
}

// View names a view.
func (c clauses) View(view string) string { return c.Table(view) }

// Engine is a MergeTree engine, or its replicated sibling, with its arguments.
func (c clauses) Engine(name string, arguments ...string) string {
	if c.o.Cluster != "" {
		name = "Replicated" + name
		arguments = append([]string{"'/clickhouse/tables/{uuid}/{shard}'", "'{replica}'"}, arguments...)
	}
	return name + "(" + strings.Join(arguments, ", ") + ")"
}

// Distributed is the statement that puts a Distributed table in front of a stored
// one; nothing on one server. Rows of one key must meet on one shard to be
// deduplicated, so the sharding expression uses columns of the key alone.
func (c clauses) Distributed(table, sharding string) string {
	if c.o.Cluster == "" {
		return ""
	}
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS %s%s AS %s\nENGINE = Distributed(`%s`, `%s`, `%s_local`, %s);",
		c.Table(table), c.OnCluster(), c.Stored(table), c.o.Cluster, c.o.Database, table, sharding)
}
