package statement

import "strings"

type kind int

const (
	end    kind = iota
	word        // a bare identifier, keyword or number
	quoted      // "x" or `x`
	str         // 'x', or a heredoc
	mark        // any other single character
)

// token is one token of a statement: src[start:end].
type token struct {
	kind       kind
	start, end int
	text       string
}

// is tells whether the token is this keyword, in any case.
func (t token) is(keyword string) bool {
	return t.kind == word && strings.EqualFold(t.text, keyword)
}

func (t token) isMark(c string) bool { return t.kind == mark && t.text == c }

// scanner gives the tokens of src, skipping white space and comments. Text that
// ends inside a quote or comment ends the tokens there.
type scanner struct {
	src string
	pos int
}

func (s *scanner) next() token {
	s.skip()
	start := s.pos
	if start >= len(s.src) {
		return token{kind: end, start: start, end: start}
	}
	k := mark
	switch c := s.src[start]; {
	case isWord(c):
		k = word
		for s.pos < len(s.src) && isWord(s.src[s.pos]) {
			s.pos++
		}
	case c == '\'':
		k = str
		s.quote(c)
	case c == '"' || c == '`':
		k = quoted
		s.quote(c)
	case c == '$' && s.heredoc():
		k = str
	default:
		s.pos++
	}
	return token{kind: k, start: start, end: s.pos, text: s.src[start:s.pos]}
}

// skip moves over white space and comments (--, #, # !, /* */).
func (s *scanner) skip() {
	for s.pos < len(s.src) {
		rest := s.src[s.pos:]
		switch {
		case strings.IndexByte(" \t\r\n\f\v", rest[0]) >= 0:
			s.pos++
		case strings.HasPrefix(rest, "--"), strings.HasPrefix(rest, "# "), strings.HasPrefix(rest, "#!"):
			s.skipPast(rest, "\n")
		case strings.HasPrefix(rest, "/*"):
			s.skipPast(rest, "*/")
		default:
			return
		}
	}
}

func (s *scanner) skipPast(rest, terminator string) {
	if i := strings.Index(rest, terminator); i >= 0 {
		s.pos += i + len(terminator)
		return
	}
	s.pos = len(s.src)
}

// quote moves over a quoted text; a backslash escapes, a doubled quote stands for
// itself.
func (s *scanner) quote(q byte) {
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch s.src[s.pos] {
		case '\\':
			s.pos++
		case q:
			if s.pos+1 < len(s.src) && s.src[s.pos+1] == q {
				s.pos++
				continue
			}
			s.pos++
			return
		}
	}
	s.pos = len(s.src)
}

// heredoc moves over $tag$ … $tag$, if there is one.
func (s *scanner) heredoc() bool {
	i := strings.IndexByte(s.src[s.pos+1:], '$')
	if i < 0 {
		return false
	}
	tag := s.src[s.pos : s.pos+i+2]
	for _, c := range []byte(tag[1 : len(tag)-1]) {
		if !isWord(c) {
			return false
		}
	}
	j := strings.Index(s.src[s.pos+len(tag):], tag)
	if j < 0 {
		return false
	}
	s.pos += len(tag) + j + len(tag)
	return true
}

func isWord(c byte) bool {
	return c == '_' || c >= 0x80 || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}
