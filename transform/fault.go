package transform

import (
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// fault is the reason why a message is not one JSON text.
type fault uint8

const (
	wellFormed fault = iota
	badSyntax
	endsEarly
	badUTF8
	loneSurrogate
	tooDeep
	trailingData
)

var faultSentences = [...]string{
	badSyntax:     "the JSON breaks RFC 8259",
	endsEarly:     "the JSON ends too early",
	badUTF8:       "the JSON holds bytes that are not UTF-8",
	loneSurrogate: "the JSON holds half of a surrogate pair",
	tooDeep:       "the JSON is nested deeper than 10000 levels",
	trailingData:  "something follows the JSON",
}

// stop sets the fault and its position. It returns false, for readers to return.
func (s *scanner) stop(f fault, at int) bool {
	s.fault, s.faultAt = f, at
	return false
}

// unexpected is the fault of the current byte, or of the end of the data.
func (s *scanner) unexpected() bool {
	if s.pos >= len(s.data) {
		return s.stop(endsEarly, s.pos)
	}
	return s.stop(badSyntax, s.pos)
}

// refusal describes the fault. skipped is the length before the JSON. Positions
// count from 0 at the start of the message.
func (s *scanner) refusal(skipped int) refusal {
	return refusal{
		reason: schemas.InvalidJSON,
		field:  noField,
		detail: faultSentences[s.fault] + ", at byte " + strconv.Itoa(skipped+s.faultAt),
	}
}
