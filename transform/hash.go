package transform

import (
	"crypto/sha256"
	"unicode"
	"unicode/utf8"
)

// emptyHash is SHA-256 of the empty text. Publishers send it when they hash an
// absent address.
const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// hashDigits is the length of a hash as text.
const hashDigits = 2 * sha256.Size

// appendLower appends the text in lower case with Unicode's simple mapping: one
// character to one character, independent of language.
func appendLower(dst, text []byte) []byte {
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		i += size
	}
	return dst
}

// isHash reports whether the text is 64 hexadecimal digits of any case.
func isHash(text []byte) bool {
	if len(text) != hashDigits {
		return false
	}
	for _, c := range text {
		if _, ok := hexDigit(c); !ok {
			return false
		}
	}
	return true
}
