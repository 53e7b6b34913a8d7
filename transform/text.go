package transform

import (
	"unicode"
	"unicode/utf8"
)

// trim removes characters of the Unicode property White_Space from both ends.
// U+001C to U+001F do not have it.
func trim(b []byte) []byte {
	for len(b) > 0 {
		r, size := rune(b[0]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b)
		}
		if !isSpace(r) {
			break
		}
		b = b[size:]
	}
	for len(b) > 0 {
		r, size := rune(b[len(b)-1]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeLastRune(b)
		}
		if !isSpace(r) {
			break
		}
		b = b[:len(b)-size]
	}
	return b
}

// isSpace is the property White_Space.
func isSpace(r rune) bool {
	if r < utf8.RuneSelf {
		return r == ' ' || '\t' <= r && r <= '\r'
	}
	return unicode.Is(unicode.White_Space, r)
}

// hasControl reports whether the text has a control character (Cc).
func hasControl(b []byte) bool {
	for i, c := range b {
		switch {
		case c < ' ' || c == 0x7f:
			return true
		case c == 0xc2 && i+1 < len(b) && b[i+1] < 0xa0: // U+0080 to U+009F
			return true
		}
	}
	return false
}

// equalFoldASCII compares with a lower-case ASCII word. It ignores the case of
// ASCII letters only: the long s is not an s.
func equalFoldASCII(b []byte, lower string) bool {
	if len(b) != len(lower) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
