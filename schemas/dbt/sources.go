package dbt

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Marker is in every file of the project, so that no other file is overwritten.
const Marker = "`pianola schema dbt`"

const generated = "Printed by " + Marker + ". Do not edit: print it again after an upgrade."

// sourcesFile has built-in tests only, so that it works in any project.
func sourcesFile(database string, all []source) string {
	var t text
	t.line(0, "# %s", generated)
	t.line(0, "#")
	t.line(0, "# Of each view two tests read all rows. unique tests its key. valid names the first column")
	t.line(0, "# of a row that is empty and must not be, or has a value that it must not have: columns are")
	t.line(0, "# not Nullable where a value is always there, so not_null would never fail.")
	t.line(0, "version: 2")
	t.line(0, "")
	t.line(0, "sources:")
	t.line(1, "- name: pianola")
	t.line(2, "description: The deduplicating views of Pianola. Each event and each subscription is in them once.")
	t.line(2, "schema: \"{{ var('pianola_database', '%s') }}\"", database)
	t.line(2, "tables:")
	for _, s := range all {
		t.line(3, "- name: %s", s.Name)
		t.line(4, "description: %s", quoted(s.Comment))
		if s.part != always || s.stale.variable != "" {
			t.line(4, "config:")
		}
		if s.part != always {
			t.line(5, "enabled: \"{{ var('%s', true) | as_bool }}\"", s.part)
		}
		if v := s.stale; v.variable != "" {
			t.line(5, "loaded_at_field: %s", syncColumn)
			t.line(5, "freshness:")
			t.line(6, "warn_after: {count: \"{{ var('%s_warn_hours', %d) | as_number }}\", period: hour}", v.variable, v.warn)
			t.line(6, "error_after: {count: \"{{ var('%s_error_hours', %d) | as_number }}\", period: hour}", v.variable, v.error)
		}
		if len(s.key) > 0 {
			t.line(4, "data_tests:")
			s.rowTests(&t)
		}
		t.line(4, "columns:")
		for _, c := range s.Columns {
			t.line(5, "- name: %s", c.Name)
			t.line(6, "data_type: %s", quoted(c.Type))
			t.line(6, "description: %s", quoted(c.Comment))
			s.columnTests(&t, c.Name)
		}
	}
	return t.String()
}

// rowTests read the rows twice: for the key, and for everything that each row must have.
func (s source) rowTests(t *text) {
	uniqueTest(t, 5, s.Name, s.key)
	t.line(5, "- accepted_values:")
	t.line(7, "name: valid_%s", s.Name)
	t.line(7, "arguments: {column_name: %s, values: [valid]}", quoted(s.fault()))
}

// uniqueTest is the test of a key.
func uniqueTest(t *text, depth int, name string, columns []string) {
	key := columns[0]
	if len(columns) > 1 {
		key = "(" + strings.Join(columns, ", ") + ")"
	}
	t.line(depth, "- unique:")
	t.line(depth+2, "name: unique_%s", name)
	t.line(depth+2, "arguments: {column_name: %s}", quoted(key))
}

// fault is an expression that says what is wrong with a row: the first column that is empty
// and must not be, or that has a value that it must not have.
func (s source) fault() string {
	var cases []string
	for _, name := range append(append([]string{}, s.key...), s.filled...) {
		if condition := s.emptyCondition(name); condition != "" && !slices.Contains(s.mayBeEmpty, name) {
			cases = append(cases, condition+", '"+name+" is empty'")
		}
	}
	for _, v := range s.values {
		if v.severity == fails {
			cases = append(cases, fmt.Sprintf("%s NOT IN ('%s'), concat('%[1]s is ', toString(%[1]s))", v.column, strings.Join(v.values, "', '")))
		}
	}
	return "multiIf(" + strings.Join(append(cases, "'valid'"), ", ") + ")"
}

// emptyCondition is true where a column has the empty value of its type; empty for a type
// without one. Columns of views are not Nullable where a value is always there, so not_null
// could not fail.
func (s source) emptyCondition(name string) string {
	for _, c := range s.Columns {
		switch t := schemas.ParseColumnType(c.Type); {
		case c.Name != name:
		case t.Nullable:
			return name + " IS NULL"
		case t.Name == "String":
			// A comparison with the empty text reads a part of the column, for which ClickHouse
			// wants a grant of the whole table.
			return "nullIf(" + name + ", '') IS NULL"
		case t.Name == "Date":
			return name + " = toDate(0)"
		case t.Name == "DateTime64":
			return "toUnixTimestamp64Milli(" + name + ") = 0"
		}
	}
	return ""
}

func (s source) columnTests(t *text, column string) {
	title := false
	test := func(format string, args ...any) {
		if !title {
			t.line(6, "data_tests:")
			title = true
		}
		t.line(7, format, args...)
	}
	for _, v := range s.values {
		if v.column == column && v.severity == warns {
			test("- accepted_values:")
			t.line(9, "name: accepted_values_%s_%s", s.Name, column)
			t.line(9, "arguments: {values: %s}", list(v.values))
			t.line(9, "config: {severity: %s}", v.severity)
		}
	}
	for _, l := range s.links {
		if l.column == column {
			test("- relationships:")
			t.line(9, "name: relationships_%s_%s", s.Name, column)
			t.line(9, "arguments: {to: \"source('pianola', '%s')\", field: %s}", l.to, l.field)
			if l.where == "" {
				t.line(9, "config: {severity: %s}", l.severity)
			} else {
				t.line(9, "config: {severity: %s, where: %s}", l.severity, quoted(l.where))
			}
		}
	}
}
