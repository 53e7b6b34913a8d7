package schemas

import "strings"

// ColumnType is a type of ClickHouse in its parts. LowCardinality is left out: it says how
// values are stored, and nothing about them.
type ColumnType struct {
	Name      string   // such as String, DateTime64, Map
	Arguments []string // such as 3 and 'UTC'; of a Tuple "name type"
	Nullable  bool
}

// ParseColumnType reads a type as in system.columns.
func ParseColumnType(text string) ColumnType {
	name, arguments, hasArguments := strings.Cut(text, "(")
	t := ColumnType{Name: name}
	if hasArguments {
		t.Arguments = splitArguments(strings.TrimSuffix(arguments, ")"))
	}
	switch {
	case name == "LowCardinality" && len(t.Arguments) == 1:
		return ParseColumnType(t.Arguments[0])
	case name == "Nullable" && len(t.Arguments) == 1:
		t = ParseColumnType(t.Arguments[0])
		t.Nullable = true
	}
	return t
}

// splitArguments splits at the commas outside inner parentheses.
func splitArguments(text string) []string {
	var all []string
	depth, from := 0, 0
	for i, c := range text {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ',':
			if depth == 0 {
				all = append(all, strings.TrimSpace(text[from:i]))
				from = i + 1
			}
		}
	}
	return append(all, strings.TrimSpace(text[from:]))
}
