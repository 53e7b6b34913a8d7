package transform

import (
	"unicode/utf16"
	"unicode/utf8"
)

// escape checks the escape sequence at i and returns the position after it, or 0
// with the fault set. A surrogate pair is one escape: a single half is not
// Unicode text and has no UTF-8.
func (s *scanner) escape(i int) int {
	if i+1 >= len(s.data) {
		s.stop(endsEarly, len(s.data))
		return 0
	}
	switch s.data[i+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return i + 2
	case 'u':
	default:
		s.stop(badSyntax, i)
		return 0
	}
	unit, ok := s.hex4(i + 2)
	switch {
	case !ok:
		return 0
	case !utf16.IsSurrogate(unit):
		return i + 6
	case i+7 < len(s.data) && s.data[i+6] == '\\' && s.data[i+7] == 'u':
		low, ok := s.hex4(i + 8)
		if !ok {
			return 0
		}
		if utf16.DecodeRune(unit, low) != utf8.RuneError {
			return i + 12
		}
	}
	s.stop(loneSurrogate, i)
	return 0
}

// hex4 reads four hexadecimal digits.
func (s *scanner) hex4(i int) (rune, bool) {
	var r rune
	for n := range 4 {
		if i+n >= len(s.data) {
			return 0, s.stop(endsEarly, len(s.data))
		}
		digit, ok := hexDigit(s.data[i+n])
		if !ok {
			return 0, s.stop(badSyntax, i+n)
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

func hexDigit(c byte) (byte, bool) {
	switch {
	case c-'0' <= 9:
		return c - '0', true
	case c|0x20-'a' <= 5:
		return c | 0x20 - 'a' + 10, true
	}
	return 0, false
}

// appendUnescaped appends the decoded form of a text that the scanner has
// accepted.
func appendUnescaped(dst, raw []byte) []byte {
	for i := 0; i < len(raw); {
		c := raw[i]
		if c != '\\' {
			end := i + 1
			for end < len(raw) && raw[end] != '\\' {
				end++
			}
			dst = append(dst, raw[i:end]...)
			i = end
			continue
		}
		i += 2
		switch c = raw[i-1]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := unit(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, unit(raw[i+2:]))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

// unit is the number of four checked hexadecimal digits.
func unit(digits []byte) rune {
	var r rune
	for _, c := range digits[:4] {
		digit, _ := hexDigit(c)
		r = r<<4 | rune(digit)
	}
	return r
}
