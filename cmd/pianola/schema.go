package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/schemas"
)

func (a *app) schemaCommand() *cobra.Command {
	return group("schema", "print the schema", a.schemaDDLCommand())
}

func (a *app) schemaDDLCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "ddl",
		Short:   "print the SQL that creates the schema",
		Long:    `Prints every migration for an empty server, with comments. It opens no connection.`,
		Example: `  pianola schema ddl --clickhouse.database piano | clickhouse-client --multiquery`,
		Args:    cobra.NoArgs,
	}
	config.AddFlags(c.Flags(), "clickhouse.database")
	c.RunE = func(c *cobra.Command, _ []string) error {
		database, err := a.load(c).Database()
		if err != nil {
			return err
		}
		all, err := schemas.Migrations(schemas.Options{Database: database})
		if err != nil {
			return err
		}
		text, err := ddl(database, all, true)
		if err != nil {
			return err
		}
		return a.print(text)
	}
	return c
}

// ddl is a script of migrations for a ClickHouse client.
func ddl(database string, migrations []schemas.Migration, fromNothing bool) (string, error) {
	var b strings.Builder
	if fromNothing {
		create, err := schemas.CreateDatabase(schemas.Options{Database: database})
		if err != nil {
			return "", err
		}
		b.WriteString(create + ";\n")
	}
	for _, m := range migrations {
		fmt.Fprintf(&b, "\n-- Migration %d: %s\n--\n%s", m.Version, m.Name, m.SQL)
	}
	return b.String(), nil
}
