package block

import (
	"fmt"
	"strings"
)

// splitType splits "Map(String, Array(UInt8))" into "Map" and its arguments.
func splitType(name string) (base string, args []string, err error) {
	open := strings.IndexByte(name, '(')
	if open < 0 {
		return name, nil, nil
	}
	if !strings.HasSuffix(name, ")") {
		return "", nil, fmt.Errorf("%w: unbalanced type", ErrCorrupt)
	}
	inside := name[open+1 : len(name)-1]
	depth, start := 0, 0
	for i := 0; i < len(inside); i++ {
		switch inside[i] {
		case '\'', '`', '"':
			end := quoted(inside[i:])
			if end < 0 {
				return "", nil, fmt.Errorf("%w: unbalanced quote in type", ErrCorrupt)
			}
			i += end
		case '(':
			depth++
		case ')':
			if depth--; depth < 0 {
				return "", nil, fmt.Errorf("%w: unbalanced type", ErrCorrupt)
			}
		case ',':
			if depth == 0 {
				args = append(args, strings.TrimSpace(inside[start:i]))
				start = i + 1
			}
		}
	}
	if depth != 0 {
		return "", nil, fmt.Errorf("%w: unbalanced type", ErrCorrupt)
	}
	if last := strings.TrimSpace(inside[start:]); last != "" || len(args) > 0 {
		args = append(args, last)
	}
	return name[:open], args, nil
}

// quoted gives the index of the quote that closes the one s begins with, or −1.
// A backslash escapes; a doubled quote is a closing one and an opening one, which
// comes to the same.
func quoted(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i
		}
	}
	return -1
}

// withoutName drops the name of a tuple's element: "a UInt8", "`a b` UInt8".
func withoutName(element string) string {
	if element == "" {
		return element
	}
	if element[0] == '`' || element[0] == '"' {
		if end := quoted(element); end > 0 {
			return strings.TrimSpace(element[end+1:])
		}
		return element
	}
	if space := strings.IndexByte(element, ' '); space > 0 && !strings.ContainsAny(element[:space], "(,'") {
		return strings.TrimSpace(element[space+1:])
	}
	return element
}
