package figures

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/statement"
)

// Query is a SELECT with ClickHouse query parameters, such as {from:DateTime}. Values are
// never part of the text.
type Query struct {
	SQL string // tables without a database: the connection has one

	// Params are the values by name: texts, numbers and times as text.
	Params map[string]string

	// Keep is how long an answer may be shown again; 0 means DefaultKeep.
	Keep time.Duration
}

// DefaultKeep is about how often people look at a page again.
const DefaultKeep = 5 * time.Second

// With returns the query with further values. Names that the text does not use are left
// out, so that one set of values serves all queries of a page.
func (q Query) With(values map[string]string) Query {
	params := map[string]string{}
	maps.Copy(params, q.Params)
	for name, value := range values {
		if strings.Contains(q.SQL, "{"+name+":") {
			params[name] = value
		}
	}
	q.Params = params
	return q
}

// Shown is the text with its values as SET statements, as a person can run it.
func (q Query) Shown() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(q.Params)) {
		b.WriteString("SET param_" + name + " = '" + escaped.Replace(statement.Text(q.Params[name])) + "';\n")
	}
	b.WriteString(strings.TrimSpace(q.SQL))
	return b.String()
}

// escaped makes a text part of a literal of ClickHouse.
var escaped = strings.NewReplacer(`\`, `\\`, `'`, `\'`)

// key identifies the query in the cache.
func (q Query) key() string {
	var b strings.Builder
	b.WriteString(q.SQL)
	for _, name := range slices.Sorted(maps.Keys(q.Params)) {
		b.WriteString("\x00" + name + "\x00" + q.Params[name])
	}
	return b.String()
}
