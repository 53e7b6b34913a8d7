package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/schemas/avro"
	"github.com/pianola/pianola/schemas/jsonschema"
)

func (a *app) schemaCommand() *cobra.Command {
	return group("schema", "print the schema", a.schemaDDLCommand(), a.schemaGrantsCommand(), a.schemaJSONCommand(), a.schemaAvroCommand(), a.schemaDBTCommand())
}

// rowName is the table of the stored rows, as an argument.
const rowName = "row"

// schemaObjects are the tables and views, and the arguments that name them.
func schemaObjects() (all []schemas.Object, names []string, err error) {
	all, err = schemas.Catalogue()
	for _, o := range all {
		names = append(names, o.Name)
	}
	return all, names, err
}

// findSchemaObject finds the table or view of an argument.
func findSchemaObject(argument string, further ...string) (schemas.Object, error) {
	if argument == rowName {
		argument = "subscription_events"
	}
	all, names, err := schemaObjects()
	if err != nil {
		return schemas.Object{}, err
	}
	if i := slices.Index(names, argument); i >= 0 {
		return all[i], nil
	}
	known := append(append(further, rowName), names...)
	return schemas.Object{}, usageError{fmt.Errorf("no such schema; known are %s", strings.Join(known, ", "))}
}

func (a *app) schemaJSONCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "json [message | event | row | TABLE | VIEW]",
		Short: "print a JSON Schema (2020-12)",
		Long: `Prints a JSON Schema, 2020-12. It opens no connection.

  message        what comes in, as the default settings accept it (the default)
  event          the member event of pianola transform
  row            a row of subscription_events, as NDJSON
  TABLE or VIEW  a row of it, as in the NDJSON files of pianola export

A message that Pianola accepts is always valid. The description in the schema
lists the faults that a JSON Schema cannot express.`,
		Example: `  pianola schema json > message.schema.json
  pianola schema json piano_subscriber_event_stream > stream.schema.json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeSchema("message", "event"),
		RunE: func(_ *cobra.Command, args []string) error {
			what := "message"
			if len(args) > 0 {
				what = args[0]
			}
			var text []byte
			var err error
			switch what {
			case "message":
				text, err = jsonschema.Message()
			case "event":
				text, err = jsonschema.Event()
			default:
				var o schemas.Object
				if o, err = findSchemaObject(what, "message", "event"); err == nil {
					text, err = jsonschema.Row(o)
				}
			}
			if err != nil {
				return err
			}
			return a.print(string(text))
		},
	}
}

func (a *app) schemaAvroCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "avro [row | TABLE | VIEW]",
		Short: "print an Avro schema",
		Long: `Prints the Avro schema of a row. It opens no connection.

  row            a row of subscription_events (the default)
  TABLE or VIEW  a row of it

ClickHouse reads files of this schema into the columns (FORMAT Avro).`,
		Example:           `  pianola schema avro piano_subscriber_event_stream > stream.avsc`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeSchema(),
		RunE: func(_ *cobra.Command, args []string) error {
			what := rowName
			if len(args) > 0 {
				what = args[0]
			}
			o, err := findSchemaObject(what)
			if err != nil {
				return err
			}
			text, err := avro.Row(o)
			if err != nil {
				return err
			}
			return a.print(string(text))
		},
	}
}

// completeSchema completes the name of a table or view, and further words.
func completeSchema(further ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		_, names, err := schemaObjects()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return append(append(further, rowName), names...), cobra.ShellCompDirectiveNoFileComp
	}
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

func (a *app) schemaGrantsCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "grants [ROLE]...",
		Short: "print the SQL that creates the roles",
		Long: `Prints a role of ClickHouse for each kind of user, with the grants that it needs
and nothing else. It opens no connection. Run the SQL as an administrator, then
create users, and grant each user a role:

  CREATE USER service IDENTIFIED BY '...' DEFAULT ROLE pianola_ingest;
  GRANT pianola_ingest TO service;

Grants of an earlier version that are no longer needed stay until you revoke them.`,
		Example: `  pianola schema grants --clickhouse.database piano | clickhouse-client --multiquery
  pianola schema grants pianola_analyst`,
	}
	config.AddFlags(c.Flags(), "clickhouse.database")
	c.RunE = func(c *cobra.Command, args []string) error {
		database, err := a.load(c).Database()
		if err != nil {
			return err
		}
		roles, err := schemas.Roles(schemas.Options{Database: database})
		if err != nil {
			return err
		}
		text, err := grantsText(roles, args)
		if err != nil {
			return usageError{err}
		}
		return a.print(text)
	}
	return c
}

// grantsText is the SQL of the named roles, or of all.
func grantsText(roles []schemas.Role, names []string) (string, error) {
	var known, printed []string
	for _, r := range roles {
		known = append(known, r.Name)
		if len(names) == 0 || slices.Contains(names, r.Name) {
			printed = append(printed, r.SQL())
		}
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return "", fmt.Errorf("role %s is unknown; use one of %s", printable(name), strings.Join(known, ", "))
		}
	}
	return strings.Join(printed, "\n"), nil
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
