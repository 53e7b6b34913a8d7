package schemas

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Object is a table or a view of the migrations, as readers see it.
type Object struct {
	Name    string
	Kind    ObjectKind
	Comment string
	Columns []DescribedColumn
}

// ObjectKind says whether an object stores rows.
type ObjectKind string

// The kinds.
const (
	Table ObjectKind = "table"
	View  ObjectKind = "view"
)

// DescribedColumn is a column with its comment.
type DescribedColumn struct {
	Column
	Comment string
}

// Catalogue is every table and view of the migrations, in their order, but those that only
// fill a table, and those with parameters, whose columns the server does not list. It reads the
// rendered DDL, so that dbt, JSON Schema and Avro cannot differ from it. A statement that
// it cannot read is an error: an object that is missing here would be missing there.
func Catalogue() ([]Object, error) {
	migrations, err := Migrations(Options{Database: "piano"})
	if err != nil {
		return nil, err
	}
	var all []Object
	for _, m := range migrations {
		for _, statement := range m.Statements {
			if notRead.MatchString(statement) || parameterForm.MatchString(statement) {
				continue
			}
			o, err := readObject(statement)
			if err != nil {
				return nil, fmt.Errorf("migration %d, %s: %w", m.Version, m.Name, err)
			}
			if i := slices.IndexFunc(all, func(old Object) bool { return old.Name == o.Name }); i >= 0 {
				all[i] = o // replaced by a later migration
			} else {
				all = append(all, o)
			}
		}
	}
	return all, nil
}

var (
	notRead       = regexp.MustCompile("^(INSERT INTO|DROP VIEW IF EXISTS|CREATE MATERIALIZED VIEW IF NOT EXISTS) ")
	parameterForm = regexp.MustCompile(`\{[a-z_]+:[A-Z]`)

	createForm = regexp.MustCompile("^CREATE (TABLE|VIEW) IF NOT EXISTS `piano`\\.`([a-z0-9_]+)`")
	// columnForm is one line of a column list. A type has no quotes but those of a time zone.
	columnForm = regexp.MustCompile("^    `([a-z0-9_]+)` (.+?)(?: DEFAULT [^']+?)? COMMENT '((?:[^']|'')*)'(?: CODEC\\(.+\\))?,?$")
	// commentForm is the comment of the object itself.
	commentForm = regexp.MustCompile(`(?m)^COMMENT '((?:[^']|'')*)'$`)
)

// readObject reads a statement of the form that all migrations have: a column a line.
func readObject(statement string) (Object, error) {
	create := createForm.FindStringSubmatch(statement)
	comment := commentForm.FindStringSubmatch(statement)
	if create == nil || comment == nil {
		return Object{}, fmt.Errorf("the catalogue cannot read this statement, extend schemas/catalogue.go: %.90s", statement)
	}
	o := Object{Name: create[2], Kind: ObjectKind(strings.ToLower(create[1])), Comment: unquoted(comment[1])}
	for line := range strings.Lines(statement) {
		line = strings.TrimRight(line, "\n")
		if line == ")" {
			break // the column list ends
		}
		if !strings.HasPrefix(line, "    `") {
			continue // an index or a projection
		}
		column := columnForm.FindStringSubmatch(line)
		if column == nil {
			return Object{}, fmt.Errorf("the catalogue cannot read a column of %s, extend schemas/catalogue.go: %s", o.Name, line)
		}
		o.Columns = append(o.Columns, DescribedColumn{Column{column[1], column[2]}, unquoted(column[3])})
	}
	if len(o.Columns) == 0 {
		return Object{}, fmt.Errorf("%s %s lists no columns with types and comments", o.Kind, o.Name)
	}
	return o, nil
}

// unquoted is the content of a text literal of the migrations.
func unquoted(literal string) string { return strings.ReplaceAll(literal, "''", "'") }

// FindObject finds a table or view by its name.
func FindObject(name string) (Object, error) {
	all, err := Catalogue()
	if err != nil {
		return Object{}, err
	}
	for _, o := range all {
		if o.Name == name {
			return o, nil
		}
	}
	return Object{}, fmt.Errorf("the migrations have no such table or view; pianola schema ddl prints them")
}
