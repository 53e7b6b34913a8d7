package transform

import (
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// fault is what keeps a message from being one JSON text.
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

// stop sets the fault and where it is; false, so that readers can return it.
func (s *scanner) stop(f fault, at int) bool {
	s.fault, s.faultAt = f, at
	return false
}

// unexpected is the fault of the byte at hand, or of its absence.
func (s *scanner) unexpected() bool {
	if s.pos >= len(s.data) {
		return s.stop(endsEarly, s.pos)
	}
	return s.stop(badSyntax, s.pos)
}

// refusal puts the fault into words. skipped is how much of the message came
// before the JSON; positions count from 0 at the start of the message.
func (s *scanner) refusal(skipped int) refusal {
	return refusal{
		reason: schemas.InvalidJSON,
		field:  noField,
		detail: faultSentences[s.fault] + ", at byte " + strconv.Itoa(skipped+s.faultAt),
	}
}
