package letters

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pianola/pianola/transform"
)

// maxNote limits a note, in characters.
const maxNote = 500

// CheckNote checks a text that a table is going to keep. A table must not hold an address.
func CheckNote(text string) error {
	switch {
	case transform.Guard(text) != text:
		return errors.New("must not contain an e-mail address, since it is stored")
	case strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text):
		return errors.New("must be one line of text")
	case utf8.RuneCountInString(text) > maxNote:
		return fmt.Errorf("must have at most %d characters", maxNote)
	}
	return nil
}
