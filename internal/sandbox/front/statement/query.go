package statement

import "strings"

// Verb is the first keyword of a statement, in capitals, or "(" where it begins
// with one; empty for no statement.
func Verb(sql string) string {
	s := &scanner{src: sql}
	t := s.next()
	if t.kind == word {
		return strings.ToUpper(t.text)
	}
	return t.text
}

// CutFormat gives a query without its FORMAT clause, and the format's name, empty
// where it has none. A clause after it (SETTINGS) stays, and so does everything
// else; a semicolon at the end goes.
func CutFormat(sql string) (query, format string) {
	s := &scanner{src: sql}
	depth := 0
	query = sql
	var clause [2]int
	for t, before := s.next(), (token{}); t.kind != end; {
		following := s.next()
		switch {
		case t.isMark("("), t.isMark("["):
			depth++
		case t.isMark(")"), t.isMark("]"):
			depth--
		case depth == 0 && t.isMark(";") && following.kind == end:
			query = sql[:t.start]
		case depth == 0 && t.is("FORMAT") && following.kind == word && !before.isMark(".") && !before.isMark(",") && before.kind != end:
			if after := s.peek(); after.kind == end || after.isMark(";") || after.is("SETTINGS") {
				format, clause = following.text, [2]int{t.start, following.end}
			}
		}
		before, t = t, following
	}
	if format != "" {
		query = query[:clause[0]] + " " + query[clause[1]:]
	}
	return query, format
}

func (s *scanner) peek() token {
	ahead := *s
	return ahead.next()
}

// ReplaceCall replaces every call name() without arguments by an expression.
func ReplaceCall(sql, name, expression string) string {
	if !strings.Contains(strings.ToLower(sql), strings.ToLower(name)) {
		return sql
	}
	s := &scanner{src: sql}
	var out strings.Builder
	last := 0
	for t := s.next(); t.kind != end; t = s.next() {
		if !t.is(name) {
			continue
		}
		ahead := *s
		if !ahead.next().isMark("(") {
			continue
		}
		if closing := ahead.next(); closing.isMark(")") {
			out.WriteString(sql[last:t.start])
			out.WriteString(expression)
			last = closing.end
			s.pos = closing.end
		}
	}
	out.WriteString(sql[last:])
	return out.String()
}

// Literal writes a value as a ClickHouse string literal.
func Literal(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// Identifier writes a name as a quoted identifier.
func Identifier(name string) string {
	return "`" + strings.NewReplacer("\\", "\\\\", "`", "\\`").Replace(name) + "`"
}
