package schemas

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one numbered step of the schema.
type Migration struct {
	// Version counts from 1 without gaps.
	Version int64
	// Name is the file name without number and extension.
	Name string
	// SQL is the rendered file with comments, as printed by `pianola schema ddl`.
	SQL string
	// Statements are the statements of the file, in order. Each may be repeated
	// (IF NOT EXISTS). They have no comments and no final semicolon.
	Statements []string
}

// Migrations renders every migration, oldest first.
func Migrations(o Options) ([]Migration, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	var migrations []Migration
	for _, file := range migrationNames() {
		m, err := render(file, o)
		if err != nil {
			return nil, fmt.Errorf("render migration %s: %w", file, err)
		}
		migrations = append(migrations, m)
	}
	return migrations, nil
}

// LatestVersion is the schema version of this code: the number of the last
// migration.
func LatestVersion() int64 { return int64(len(migrationNames())) }

// migrationNames returns the embedded files in order. A test checks that they are
// numbered from 1 without gaps.
func migrationNames() []string {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		panic(err) // the pattern is a constant
	}
	slices.Sort(names)
	return names
}

func render(file string, o Options) (Migration, error) {
	text, err := fs.ReadFile(migrationFiles, file)
	if err != nil {
		return Migration{}, err
	}
	t, err := template.New(file).Option("missingkey=error").Parse(string(text))
	if err != nil {
		return Migration{}, err
	}
	var sql strings.Builder
	if err := t.Execute(&sql, clauses{o}); err != nil {
		return Migration{}, err
	}
	base := strings.TrimSuffix(strings.TrimPrefix(file, "migrations/"), ".sql")
	number, name, found := strings.Cut(base, "_")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !found {
		return Migration{}, errors.New("file name: want a number, an underscore and a name")
	}
	rendered := strings.TrimRight(sql.String(), "\n") + "\n"
	return Migration{Version: version, Name: name, SQL: rendered, Statements: statements(rendered)}, nil
}

// statements splits rendered SQL. The files follow two rules: a statement ends
// with a semicolon at the end of a line, and a comment is on its own line.
func statements(sql string) []string {
	var all []string
	var one []string
	for line := range strings.Lines(sql) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "--") || (len(one) == 0 && strings.TrimSpace(line) == "") {
			continue
		}
		body, ends := strings.CutSuffix(line, ";")
		one = append(one, body)
		if ends {
			all = append(all, strings.Join(one, "\n"))
			one = nil
		}
	}
	if len(one) > 0 {
		all = append(all, strings.Join(one, "\n"))
	}
	return all
}
