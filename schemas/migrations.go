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

// VersionTable records the applied migrations. Every start reads it.
const VersionTable = "schema_migrations"

// CreateVersionTable creates VersionTable where it is missing.
func CreateVersionTable(database string) string {
	return "CREATE TABLE IF NOT EXISTS " + Options{Database: database}.Table(VersionTable) + `
(
    version Int64 COMMENT 'Number of a migration that has been applied; 0 is the empty database',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When'
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY version
COMMENT 'Which migrations have been applied: pianola migrate writes it, every start reads it'`
}

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

// statements are the statements of rendered SQL, without comments.
func statements(sql string) []string {
	var all []string
	for _, s := range commentedStatements(sql) {
		all = append(all, withoutComments(s.sql))
	}
	return all
}

// commentedStatement is a statement with the comments inside it, and those above it.
type commentedStatement struct{ note, sql string }

// commentedStatements splits rendered SQL. The files follow two rules: a statement ends
// with a semicolon at the end of a line, and a comment is on its own line.
func commentedStatements(migration string) (all []commentedStatement) {
	var note, sql strings.Builder
	end := func() {
		all = append(all, commentedStatement{strings.TrimRight(note.String(), "\n"), strings.TrimRight(sql.String(), "\n")})
		note.Reset()
		sql.Reset()
	}
	for line := range strings.Lines(migration) {
		comment := strings.HasPrefix(strings.TrimSpace(line), "--")
		switch code, ends := strings.CutSuffix(strings.TrimRight(line, "\n"), ";"); {
		case sql.Len() == 0 && comment:
			note.WriteString(line)
		case sql.Len() == 0 && strings.TrimSpace(line) == "":
			note.Reset()
		case comment || !ends:
			sql.WriteString(line)
		default:
			sql.WriteString(code)
			end()
		}
	}
	if sql.Len() > 0 {
		end()
	}
	return all
}
