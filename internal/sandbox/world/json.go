package world

import (
	"unicode/utf16"
	"unicode/utf8"
)

// appendString writes a JSON string with only the required escapes.
func appendString(b []byte, text string) []byte {
	return append(appendEscaped(append(b, '"'), text), '"')
}

func appendEscaped(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
		case c == '\t':
			b = append(b, `\t`...)
		case c < 0x20:
			b = appendUnit(b, uint16(c))
		default:
			b = append(b, c)
		}
	}
	return b
}

// appendRune writes a character as one or two \u escapes.
func appendRune(b []byte, r rune) []byte {
	if hi, lo := utf16.EncodeRune(r); hi != utf8.RuneError {
		return appendUnit(appendUnit(b, uint16(hi)), uint16(lo))
	}
	return appendUnit(b, uint16(r))
}

func appendUnit(b []byte, unit uint16) []byte {
	const digits = "0123456789abcdefABCDEF"
	b = append(b, '\\', 'u')
	for shift := 12; shift >= 0; shift -= 4 {
		nibble := unit >> shift & 15
		if nibble > 9 && unit&1 == 1 { // mix both letter cases
			nibble += 6
		}
		b = append(b, digits[nibble])
	}
	return b
}
