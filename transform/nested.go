package transform

// maxDepth is the number of arrays and objects that may be open at once; the
// outermost object is level 1 (contract §1).
const maxDepth = 10_000

// member is a name and value of the outermost object.
type member struct {
	name  value
	value value
}

// member reads the next member of the outermost object, after its opening brace.
// It returns false after the last one and at a fault.
func (s *scanner) member(m *member) bool {
	return s.next() && s.name(&m.name) && s.value(&m.value, 2)
}

// next moves to the name of the next member of the outermost object.
func (s *scanner) next() bool {
	s.space()
	c := s.peek()
	if c == '}' {
		s.pos++
		return false
	}
	if s.began {
		if c != ',' {
			return s.unexpected()
		}
		s.pos++
		s.space()
	}
	s.began = true
	return true
}

// skip skips exactly these bytes if they come next.
func (s *scanner) skip(bytes string) bool {
	if len(s.data)-s.pos < len(bytes) || string(s.data[s.pos:s.pos+len(bytes)]) != bytes {
		return false
	}
	s.pos += len(bytes)
	return true
}

// name reads a name and the colon, up to its value.
func (s *scanner) name(v *value) bool {
	if s.peek() != '"' {
		return s.unexpected()
	}
	if !s.text(v) {
		return false
	}
	s.space()
	if s.peek() != ':' {
		return s.unexpected()
	}
	s.pos++
	s.space()
	return true
}

// value reads any value; level is the level of an array or object that starts
// here.
func (s *scanner) value(v *value, level int) bool {
	switch s.peek() {
	case '[':
		v.kind, v.raw, v.escaped = arrayKind, nil, false
		return s.nested(level)
	case '{':
		v.kind, v.raw, v.escaped = objectKind, nil, false
		return s.nested(level)
	}
	return s.scalar(v)
}

// nested checks and skips the array or object that starts here. It keeps the open
// levels as bits instead of recursing, so that depth costs neither stack nor
// heap.
func (s *scanner) nested(outermost int) bool {
	var ignored value
	level := outermost - 1
	for {
		// At the start of a value.
		switch c := s.peek(); c {
		case '{', '[':
			level++
			if level > maxDepth {
				return s.stop(tooDeep, s.pos)
			}
			s.open(level, c == '{')
			s.pos++
			s.space()
			if s.peek() == s.closer(level) {
				break // empty: closed below
			}
			if c == '{' && !s.name(&ignored) {
				return false
			}
			continue
		default:
			if !s.scalar(&ignored) {
				return false
			}
			s.space()
		}
		// After a value, or in an empty array or object.
		for s.peek() == s.closer(level) {
			s.pos++
			level--
			if level < outermost {
				return true
			}
			s.space()
		}
		if s.peek() != ',' {
			return s.unexpected()
		}
		s.pos++
		s.space()
		if s.closer(level) == '}' && !s.name(&ignored) {
			return false
		}
	}
}

func (s *scanner) open(level int, object bool) {
	word, bit := &s.objects[level/64], uint64(1)<<(level%64)
	if object {
		*word |= bit
	} else {
		*word &^= bit
	}
}

// closer is the closing byte of the level.
func (s *scanner) closer(level int) byte {
	if s.objects[level/64]>>(level%64)&1 != 0 {
		return '}'
	}
	return ']'
}

// end reports whether only white space is left.
func (s *scanner) end() bool {
	s.space()
	return s.pos == len(s.data) || s.stop(trailingData, s.pos)
}
