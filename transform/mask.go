package transform

import (
	"unicode"
	"unicode/utf8"
)

// appendMasked appends at most limit bytes of the text with letters as x and
// digits as 9. Outside of ASCII every character except white space and control
// characters counts as a letter, as in an address. A byte that is not UTF-8
// becomes U+FFFD.
func appendMasked(dst, text []byte, limit int) []byte {
	limit += len(dst)
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		masked := maskRune(r)
		if len(dst)+utf8.RuneLen(masked) > limit {
			break
		}
		dst = utf8.AppendRune(dst, masked)
		text = text[size:]
	}
	return dst
}

func maskRune(r rune) rune {
	switch {
	case r == utf8.RuneError:
		return r
	case unicode.IsDigit(r):
		return '9'
	case r >= utf8.RuneSelf && addressClass(r) == 0:
		return r
	case r >= utf8.RuneSelf || unicode.IsLetter(r):
		return 'x'
	}
	return r
}

// runeSize is the size of the first character of a text.
func runeSize(text []byte) int {
	_, size := utf8.DecodeRune(text)
	return size
}
