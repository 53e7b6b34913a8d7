package statement

// Table is the first table that a statement names, without database and quotes:
// the one that an INSERT writes to, an ALTER changes or a SELECT reads first, in a
// subquery too. A table function counts by its name. Empty where none is named.
func Table(sql string) string {
	s := &scanner{src: sql}
	for t := s.next(); t.kind != end; t = s.next() {
		if !t.is("INTO") && !t.is("FROM") && !t.is("TABLE") {
			continue
		}
		if name := s.table(); name != "" {
			return name
		}
	}
	return ""
}

// table reads the name after INTO, FROM or TABLE. It stays where it is when there
// is none.
func (s *scanner) table() string {
	ahead := *s
	t := ahead.next()
	for t.is("TABLE") || t.is("FUNCTION") || t.is("IF") || t.is("NOT") || t.is("EXISTS") {
		t = ahead.next()
	}
	if t.kind != word && t.kind != quoted {
		return ""
	}
	name := t
	for t = ahead.next(); t.isMark("."); t = ahead.next() {
		name = ahead.next()
	}
	return unquote(name)
}
