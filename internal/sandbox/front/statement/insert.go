package statement

import "strings"

// Insert is an INSERT whose data does not come from a query.
type Insert struct {
	Head    string   // the statement up to VALUES or FORMAT, without either
	Target  string   // the table, or the table function with its arguments
	Columns []string // as written; nil where there is no list
	Plain   bool     // every column of the list is a plain name
	Format  string   // as named; "Values" for VALUES, empty where neither is there
	Data    string   // what follows in the statement itself
}

// ParseInsert recognises an INSERT with VALUES, with FORMAT, or with neither. ok is
// false for anything else, INSERT … SELECT included.
func ParseInsert(sql string) (in Insert, ok bool) {
	s := &scanner{src: sql}
	if !s.next().is("INSERT") {
		return in, false
	}
	t := s.next()
	if t.is("INTO") {
		t = s.next()
	}
	function := t.is("FUNCTION")
	if function || t.is("TABLE") {
		t = s.next()
	}
	targetStart, targetEnd := t.start, t.end
	if t.kind != word && t.kind != quoted {
		return in, false
	}
	t = s.next()
	for t.isMark(".") {
		part := s.next()
		targetEnd = part.end
		t = s.next()
	}
	if function && t.isMark("(") {
		targetEnd = s.close()
		t = s.next()
	}
	in.Target = sql[targetStart:targetEnd]
	if t.isMark("(") {
		if open := t.end; s.peekQuery() {
			return in, false
		} else if last := s.close(); last > open {
			in.Columns, in.Plain = columns(sql[open : last-1])
		}
		t = s.next()
	}
	return in.parseRest(sql, s, t)
}

// parseRest looks for what gives the data; t is the token after the table and its
// columns.
func (in Insert) parseRest(sql string, s *scanner, t token) (Insert, bool) {
	for {
		switch {
		case t.kind == end, t.isMark(";"):
			in.Head = sql[:t.start]
			return in, true
		case t.is("VALUES"):
			in.Head, in.Format = sql[:t.start], "Values"
			in.Data = data(sql[t.end:])
			return in, true
		case t.is("FORMAT"):
			name := s.next()
			if name.kind != word {
				return in, false
			}
			in.Head, in.Format = sql[:t.start], name.text
			in.Data = data(sql[name.end:])
			return in, true
		case t.is("SELECT"), t.is("WITH"), t.is("WATCH"), t.is("FROM"), t.is("EXPLAIN"):
			return in, false
		case t.isMark("("):
			if s.peekQuery() {
				return in, false
			}
			s.close()
		}
		t = s.next()
	}
}

// data is what follows VALUES or FORMAT; white space, comments and a semicolon
// alone are none. The line end after the format's name is not data.
func data(rest string) string {
	s := &scanner{src: rest}
	t := s.next()
	if t.isMark(";") {
		t = s.next()
	}
	if t.kind == end {
		return ""
	}
	rest = strings.TrimLeft(rest, " \t\r")
	return strings.TrimPrefix(rest, "\n")
}

// close moves past the parenthesis that closes the one just read and gives the
// position after it.
func (s *scanner) close() int {
	for depth := 1; depth > 0; {
		switch t := s.next(); {
		case t.kind == end:
			return t.end
		case t.isMark("("):
			depth++
		case t.isMark(")"):
			depth--
		}
	}
	return s.pos
}

// peekQuery tells whether a query begins here: INSERT INTO t (SELECT …).
func (s *scanner) peekQuery() bool {
	ahead := *s
	t := ahead.next()
	for t.isMark("(") {
		t = ahead.next()
	}
	return t.is("SELECT") || t.is("WITH")
}

// columns splits a column list. Anything but plain names (*, EXCEPT) is not
// plain.
func columns(list string) (names []string, plain bool) {
	s := &scanner{src: list}
	plain = true
	for {
		t := s.next()
		if t.kind != word && t.kind != quoted {
			return names, false
		}
		name := unquote(t)
		after := s.next()
		for after.isMark(".") {
			part := s.next()
			name += "." + unquote(part)
			after = s.next()
		}
		names = append(names, name)
		switch {
		case after.kind == end:
			return names, plain
		case !after.isMark(","):
			return names, false
		}
	}
}

// unquote gives the name that an identifier stands for.
func unquote(t token) string {
	if t.kind != quoted || len(t.text) < 2 {
		return t.text
	}
	q, inside := t.text[:1], t.text[1:len(t.text)-1]
	return strings.NewReplacer(`\\`, `\`, `\`+q, q, q+q, q).Replace(inside)
}
