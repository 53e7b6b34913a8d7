package dbt

import (
	"encoding/json"
	"fmt"
	"strings"
)

// text is a file of lines.
type text struct{ strings.Builder }

// line writes a line at a depth of two spaces.
func (t *text) line(depth int, format string, args ...any) {
	t.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(t, format, args...)
	t.WriteByte('\n')
}

// quoted is a text in double quotes of YAML, of which JSON's are a part.
func quoted(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string is always encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// list is a flow sequence of YAML.
func list(values []string) string {
	var all []string
	for _, v := range values {
		all = append(all, quoted(v))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
