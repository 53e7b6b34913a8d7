package transform

import (
	"unicode"
	"unicode/utf8"

	"github.com/pianola/pianola/schemas"
)

// Stage 5, action canonicalisation (contract §2): the match is on the ASCII
// letters alone.

// maxActionKey is longer than the key of every synonym.
const maxActionKey = 48

// canonicalise sets the action. It returns Stored when the event continues.
func (w *Worker) canonicalise() Outcome {
	text := w.texts[subscriptionAction]
	var key [maxActionKey]byte
	if n, ok := actionKey(&key, text); ok {
		if canonical, ok := w.rules.actions[string(key[:n])]; ok {
			w.action = canonical
			return Stored
		}
	}
	switch w.rules.unknownAction {
	case DeadLetterUnknown:
		w.refuse(schemas.UnknownAction, subscriptionAction, unknownActionDetail)
		return DeadLettered
	case DropUnknown:
		w.result.Notes.DroppedActions++
		return Filtered
	}
	w.result.Notes.UnknownActions++
	w.action = text
	return Stored
}

// actionKey writes the ASCII letters of the text in lower case and returns their
// number. ok is false when nothing can match: another letter or a digit (Unicode
// L, Nd), or more letters than any synonym. It skips marks, symbols and spaces.
func actionKey(key *[maxActionKey]byte, text []byte) (n int, ok bool) {
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRune(text[i:])
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return 0, false
			}
			i += size
			continue
		}
		i++
		switch letter := c | 0x20; {
		case letter-'a' <= 'z'-'a':
			if n == len(key) {
				return 0, false
			}
			key[n] = letter
			n++
		case c-'0' <= 9:
			return 0, false
		}
	}
	return n, true
}
