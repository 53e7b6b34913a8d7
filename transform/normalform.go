package transform

import (
	"bytes"
	"encoding/binary"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// The normal form of a text, in which an address is looked for and hashed
// (contract §2, stage 4): without invisible characters, with @ and full stop in
// their ASCII form, in NFC. Trimming and lower case belong to a whole address and
// follow later. Nearly every text is in this form already, and is used as it is.

// The bytes that begin a character which counts as @. The grammar finds no
// address without one of them.
const (
	atSign        = '@'
	percent       = '%'  // of %40
	wideAtPrefix  = 0xef // of U+FF20 and U+FE6B
	escapedAtSign = "%40"
)

// Eight bytes at a time: the sum of a word's marks is not 0 when one of its bytes
// is looked for.
const ones, highs = 0x0101010101010101, 0x8080808080808080

// equalMarks marks a byte that equals c.
func equalMarks(word uint64, c byte) uint64 {
	x := word ^ ones*uint64(c)
	return (x - ones) &^ x & highs
}

// lastWord is the last eight bytes of a text. Of a shorter one it is every byte, some
// of them twice.
func lastWord(text []byte) uint64 {
	switch n := len(text); {
	case n >= 8:
		return binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(text)) | uint64(binary.LittleEndian.Uint32(text[n-4:]))<<32
	case n > 0:
		return uint64(text[0]) | uint64(text[n/2])<<8 | uint64(text[n-1])<<16
	}
	return 0
}

// mayHoldAddress is a fast check that excludes most texts.
func mayHoldAddress(text []byte) bool {
	if len(text) <= 16 {
		marks := atMarks(lastWord(text))
		if len(text) > 8 {
			marks |= atMarks(binary.LittleEndian.Uint64(text))
		}
		if marks == 0 {
			return false
		}
	}
	return bytes.IndexByte(text, atSign) >= 0 || bytes.IndexByte(text, percent) >= 0 || bytes.IndexByte(text, wideAtPrefix) >= 0
}

// atMarks marks @, % and every byte outside of ASCII.
func atMarks(word uint64) uint64 {
	at, escape := word^ones*atSign, word^ones*percent
	return ((at-ones)&^at | (escape-ones)&^escape | word) & highs
}

// normalRune is the normal form of a character. kept is false for an invisible
// character, which is removed.
func normalRune(r rune) (normal rune, kept bool) {
	switch {
	case r < 0xad:
	case r == 0xad, r == 0x34f, r == 0x61c,
		0x200b <= r && r <= 0x200f, 0x202a <= r && r <= 0x202e,
		0x2060 <= r && r <= 0x2064, 0x2066 <= r && r <= 0x2069,
		0xfe00 <= r && r <= 0xfe0f, r == 0xfeff:
		return 0, false
	case r == 0xff20, r == 0xfe6b:
		return atSign, true
	case r == 0xff0e, r == 0x3002, r == 0xff61, r == 0xfe52:
		return '.', true
	}
	return r, true
}

// isNormal reports whether a text that is not plain is in its normal form.
func isNormal(text []byte) bool {
	if bytes.Contains(text, []byte(escapedAtSign)) {
		return false
	}
	last := rune(0) // the highest character
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if normal, kept := normalRune(r); !kept || normal != r {
			return false
		}
		last = max(last, r)
		i += size
	}
	return last < firstCombining || norm.NFC.IsNormal(text)
}

// firstCombining is the first character that NFC may change or combine.
const firstCombining = 0x300

// isPlain reports whether a text is ASCII without a percent sign.
func isPlain(text []byte) bool {
	w := lastWord(text)
	marks := w&highs | equalMarks(w, percent)
	for ; len(text) > 8 && marks == 0; text = text[8:] {
		w = binary.LittleEndian.Uint64(text)
		marks = w&highs | equalMarks(w, percent)
	}
	return marks == 0
}

// normalForm is the normal form of one text, and where each byte of it is from.
// It reuses its memory; the zero value is ready to use.
type normalForm struct {
	text   []byte  // the normal form
	places []place // of each byte of text; nil when text is the original

	// Memory that is used again.
	mapped, composed []byte  // the form before and after NFC
	origins, sources []place // of each byte of them
	segment          []byte
}

// place is a range of the original text.
type place struct{ from, to int32 }

// set makes the normal form of a text. The text must not change while it is used.
func (n *normalForm) set(text []byte) {
	if isPlain(text) || isNormal(text) {
		n.text, n.places = text, nil
		return
	}
	n.replace(text)
	n.compose()
}

// original is the range of the original text that gave a range of the normal form.
func (n *normalForm) original(start, end int) (from, to int) {
	if n.places == nil {
		return start, end
	}
	return int(n.places[start].from), int(n.places[end-1].to)
}

// replace removes the invisible characters and writes @ and full stop in ASCII.
func (n *normalForm) replace(text []byte) {
	n.mapped, n.origins = n.mapped[:0], n.origins[:0]
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		at := place{int32(i), int32(i + size)}
		raw := text[i : i+size] // a byte that is not UTF-8 stays
		i += size
		normal, kept := normalRune(r)
		switch {
		case !kept:
			continue
		case normal != r:
			n.mapped, n.origins = append(n.mapped, byte(normal)), append(n.origins, at)
			continue
		}
		n.mapped = append(n.mapped, raw...)
		for range raw {
			n.origins = append(n.origins, at)
		}
		if last := len(n.mapped) - len(escapedAtSign); r == '0' && last >= 0 && string(n.mapped[last:]) == escapedAtSign {
			n.origins[last].to = at.to
			n.mapped, n.origins = append(n.mapped[:last], atSign), n.origins[:last+1]
		}
	}
}

// compose brings the text into NFC, one normalisation segment after the other: a
// character and the marks that combine with it.
func (n *normalForm) compose() {
	if norm.NFC.IsNormal(n.mapped) {
		n.text, n.places = n.mapped, n.origins
		return
	}
	n.composed, n.sources = n.composed[:0], n.sources[:0]
	for i := 0; i < len(n.mapped); {
		size := norm.NFC.NextBoundary(n.mapped[i:], true)
		if size <= 0 {
			size = len(n.mapped) - i
		}
		segment, origins := n.mapped[i:i+size], n.origins[i:i+size]
		i += size
		n.segment = norm.NFC.Append(n.segment[:0], segment...)
		n.composed = append(n.composed, n.segment...)
		if bytes.Equal(n.segment, segment) {
			n.sources = append(n.sources, origins...)
			continue
		}
		// An address ends with a segment. It starts with one too, or after its
		// first character, where only the marks can belong to an address.
		_, before := utf8.DecodeRune(segment)
		_, after := utf8.DecodeRune(n.segment)
		whole := place{origins[0].from, origins[size-1].to}
		marks := place{origins[min(before, size-1)].from, whole.to}
		for j := range n.segment {
			if j < after {
				n.sources = append(n.sources, whole)
			} else {
				n.sources = append(n.sources, marks)
			}
		}
	}
	n.text, n.places = n.composed, n.sources
}
