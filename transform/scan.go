package transform

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// kind is the JSON type of a value.
type kind uint8

const (
	nullKind kind = iota
	falseKind
	trueKind
	numberKind
	textKind
	arrayKind
	objectKind
)

// value is one JSON value, borrowed from the message: the bytes between the
// quotes of a text, the literal of a number, nothing of an array or object.
type value struct {
	raw     []byte
	kind    kind
	escaped bool // a text that needs unescaping
}

// scanner reads strict RFC 8259 (contract §1) without recursion and without
// copying. Unlike encoding/json and jx it refuses invalid UTF-8 and unpaired
// surrogates everywhere, and returns repeated names.
type scanner struct {
	data  []byte
	pos   int
	began bool // a member of the outermost object has been read

	fault   fault
	faultAt int

	// objects has a bit for each open level: 1 for an object.
	objects [maxDepth/64 + 1]uint64
}

func (s *scanner) reset(data []byte) {
	s.data, s.pos, s.began, s.fault, s.faultAt = data, 0, false, wellFormed, 0
}

// peek is the current byte, or 0 at the end. No JSON text has a 0 there.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

// scalar reads any value except an array or an object.
func (s *scanner) scalar(v *value) bool {
	switch c := s.peek(); c {
	case '"':
		v.kind = textKind
		return s.text(v)
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		v.kind, v.escaped = numberKind, false
		return s.number(v)
	case 't':
		v.kind, v.escaped = trueKind, false
		return s.literal(v, "true")
	case 'f':
		v.kind, v.escaped = falseKind, false
		return s.literal(v, "false")
	case 'n':
		v.kind, v.escaped = nullKind, false
		return s.literal(v, "null")
	}
	return s.unexpected()
}

func (s *scanner) literal(v *value, word string) bool {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected()
		}
		s.pos++
	}
	v.raw = s.data[s.pos-len(word) : s.pos]
	return true
}

// text reads the string that starts here.
func (s *scanner) text(v *value) bool {
	data := s.data
	start := s.pos + 1
	v.escaped = false
	for i := start; ; {
		i = plainEnd(data, i)
		if i == len(data) {
			return s.stop(endsEarly, i)
		}
		switch c := data[i]; {
		case c == '"':
			v.raw = data[start:i]
			s.pos = i + 1
			return true
		case c == '\\':
			v.escaped = true
			if i = s.escape(i); i == 0 {
				return false
			}
		case c < ' ':
			return s.stop(badSyntax, i)
		default:
			r, size := utf8.DecodeRune(data[i:])
			if r == utf8.RuneError && size == 1 {
				return s.stop(badUTF8, i)
			}
			i += size
		}
	}
}

// plainEnd is the end of the run of plain characters from i: a quote, a
// backslash, a control character, a byte outside of ASCII, or the end. It checks
// eight bytes at a time. Only the lowest mark in a word is exact, and only that
// one is used.
func plainEnd(data []byte, i int) int {
	for i+8 <= len(data) {
		w := binary.LittleEndian.Uint64(data[i:])
		quote := w ^ ones*'"'
		backslash := w ^ ones*'\\'
		marks := ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*' ')&^w | w) & highs
		if marks != 0 {
			return i + bits.TrailingZeros64(marks)/8
		}
		i += 8
	}
	for i < len(data) && data[i] >= ' ' && data[i] < utf8.RuneSelf && data[i] != '"' && data[i] != '\\' {
		i++
	}
	return i
}
