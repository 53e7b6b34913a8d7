package transform

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"unicode/utf8"
)

// The grammar of an address (contract §2, stage 4): one or more local
// characters, @, then domain characters that end in a dot and a last label of
// two or more characters, the first a letter. It applies to the normal form of a
// text (normalform.go). [addressFinder] is the only way to look for an address.

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

// addressFinder finds addresses in texts. It reuses its memory; the zero value is
// ready to use. What it returns is valid until the next text.
type addressFinder struct {
	normal normalForm
	lower  []byte // an address in lower case
}

// whole returns the address that a text consists of, in its normal form. ok is
// false when the text is not exactly one address.
func (a *addressFinder) whole(text []byte) (address []byte, ok bool) {
	if !mayHoldAddress(text) {
		return nil, false
	}
	a.normal.set(text)
	address = trim(a.normal.text)
	start, end, ok := findAddress(address, 0)
	return address, ok && start == 0 && end == len(address)
}

// domain returns the domain of a text that is an address, in lower case.
func (a *addressFinder) domain(text []byte) (domain []byte, ok bool) {
	address, ok := a.whole(text)
	if !ok {
		return nil, false
	}
	a.lower = appendLower(a.lower[:0], address[bytes.IndexByte(address, '@')+1:])
	return a.lower, true
}

// appendHash appends the hash of an address, which must be in its normal form, as
// 64 lower-case digits.
func (a *addressFinder) appendHash(dst, address []byte) []byte {
	a.lower = appendLower(a.lower[:0], address)
	sum := sha256.Sum256(a.lower)
	return hex.AppendEncode(dst, sum[:])
}

// appendGuarded appends the text with its addresses replaced by their hashes, and
// returns their number. Without addresses it appends nothing.
func (a *addressFinder) appendGuarded(dst, text []byte) (guarded []byte, addresses int) {
	if !mayHoldAddress(text) {
		return dst, 0
	}
	a.normal.set(text)
	copied := 0 // of the original
	for from := 0; ; addresses++ {
		start, end, ok := findAddress(a.normal.text, from)
		if !ok {
			break
		}
		first, last := a.normal.original(start, end)
		dst = append(dst, text[copied:first]...)
		dst = append(dst, "sha256:"...)
		dst = a.appendHash(dst, a.normal.text[start:end])
		from, copied = end, last
	}
	if addresses > 0 {
		dst = append(dst, text[copied:]...)
	}
	return dst, addresses
}

// size is the memory that it keeps, in bytes.
func (a *addressFinder) size() int {
	const placeSize = 8
	n := &a.normal
	return cap(a.lower) + cap(n.mapped) + cap(n.composed) + cap(n.segment) + placeSize*(cap(n.origins)+cap(n.sources))
}
