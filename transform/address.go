package transform

import (
	"bytes"
	"unicode/utf8"
)

// The grammar of an address (contract §2, stage 4): one or more local
// characters, @, then domain characters that end in a dot and a last label of
// two or more characters, the first a letter.

// Classes of ASCII characters.
const (
	localByte  = 1 << iota // allowed in a local part
	domainByte             // allowed in a domain
	letterByte             // allowed at the start of the last label
)

var addressBytes = func() (class [utf8.RuneSelf]uint8) {
	for c := byte('!'); c < 0x7f; c++ {
		if bytes.IndexByte([]byte(`@()<>[],;:"\`), c) < 0 {
			class[c] |= localByte
		}
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			class[c] |= domainByte | letterByte
		case '0' <= c && c <= '9', c == '-', c == '_', c == '.':
			class[c] |= domainByte
		}
	}
	return class
}()

// addressClass returns the classes of a character. Outside of ASCII, all
// characters except white space and control characters are allowed everywhere and
// count as letters.
func addressClass(r rune) uint8 {
	switch {
	case r < utf8.RuneSelf:
		return addressBytes[r]
	case r < 0xa0 || isSpace(r): // U+0080 to U+009F are control characters
		return 0
	}
	return localByte | domainByte | letterByte
}

// findAddress returns the first address in b that starts at from or later, as
// long as possible. A local part has no @, so each @ has at most one candidate.
// The leftmost address belongs to the leftmost @ with a candidate.
func findAddress(b []byte, from int) (start, end int, ok bool) {
	for at := from; ; at++ {
		next := bytes.IndexByte(b[at:], '@')
		if next < 0 {
			return 0, 0, false
		}
		at += next
		start, end = localStart(b, from, at), domainEnd(b, at+1)
		if start < at && end > 0 {
			return start, end, true
		}
	}
}

// localStart is the start of the local part before at, not before from.
func localStart(b []byte, from, at int) int {
	for at > from {
		r, size := rune(b[at-1]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeLastRune(b[from:at])
		}
		if addressClass(r)&localByte == 0 {
			break
		}
		at -= size
	}
	return at
}

// domainEnd is the end of the longest domain that starts at i, or 0.
func domainEnd(b []byte, i int) int {
	// label counts the characters since a dot, in what may be the last label. It
	// is negative when that cannot be the last label: without a dot, or without a
	// letter at its start.
	end, label := 0, -1
	for i < len(b) {
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[i:])
		}
		class := addressClass(r)
		i += size
		switch {
		case class&domainByte == 0:
			return end
		case r == '.':
			label = 0
		case label == 0 && class&letterByte == 0:
			label = -1
		case label >= 0:
			if label++; label >= 2 {
				end = i
			}
		}
	}
	return end
}

// wholeAddress reports whether the text is exactly one address.
func wholeAddress(text []byte) bool {
	start, end, ok := findAddress(text, 0)
	return ok && start == 0 && end == len(text)
}
