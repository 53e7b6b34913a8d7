package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/schemas/dbt"
)

func (a *app) schemaDBTCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "dbt",
		Short: "print the views as dbt sources, or write a dbt project",
		Long: `Prints the sources of the views in dbt's format, with freshness and tests: one
file that works in any project of dbt 1.11 with dbt-clickhouse. With --to it
writes a whole project into a directory: sources, staging models, models of marts,
exposures and documentation. It opens no connection.

Files in the directory are overwritten only if pianola schema dbt wrote them.`,
		Example: `  pianola schema dbt > models/pianola.yml
  pianola schema dbt --to pianola-dbt`,
		Args: cobra.NoArgs,
	}
	config.AddFlags(c.Flags(), "clickhouse.database")
	to := c.Flags().String("to", "", "`DIRECTORY` for a whole project; it is created if it is missing")
	c.RunE = func(c *cobra.Command, _ []string) error {
		database, err := a.load(c).Database()
		if err != nil {
			return err
		}
		if !c.Flags().Changed("to") {
			text, err := dbt.Sources(database)
			if err != nil {
				return err
			}
			return a.print(text)
		}
		if *to == "" {
			return usageError{errors.New("--to: is empty; give a directory")}
		}
		files, err := dbt.Project(database)
		if err != nil {
			return err
		}
		if err := writeProject(*to, files); err != nil {
			return err
		}
		var list strings.Builder
		for _, f := range files {
			list.WriteString(filepath.Join(*to, filepath.FromSlash(f.Name)) + "\n")
		}
		return a.print(list.String())
	}
	return c
}

// writeProject writes the files. It looks for files of others before it writes the first
// one.
func writeProject(directory string, files []dbt.File) error {
	for _, f := range files {
		name := filepath.Join(directory, filepath.FromSlash(f.Name))
		content, err := os.ReadFile(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("read the file of the last time: %w", err)
		case !bytes.Contains(content, []byte(dbt.Marker)):
			return fmt.Errorf("%s was not written by pianola schema dbt; give another directory, or remove the file", name)
		}
	}
	for _, f := range files {
		name := filepath.Join(directory, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return fmt.Errorf("create the directory: %w", err)
		}
		if err := os.WriteFile(name, []byte(f.Text), 0o644); err != nil {
			return fmt.Errorf("write the project: %w", err)
		}
	}
	return nil
}
