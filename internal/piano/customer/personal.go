package customer

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/pianola/pianola/internal/piano"
)

// Personal is a text that names a person or that a person wrote. It prints as a mask in
// every notation: only Reveal returns the text. The zero value is an absent text.
//
// The text is behind a pointer, since fmt prints the fields of a value without its methods
// after a wrong verb.
type Personal struct{ text *string }

// mask is what a Personal prints as.
const mask = "[personal]"

// NewPersonal wraps a text.
func NewPersonal(text string) Personal {
	if text == "" {
		return Personal{}
	}
	return Personal{text: &text}
}

// Reveal returns the text. Only a page of a person who may see it calls this, and a
// request to Piano.
func (p Personal) Reveal() string {
	if p.text == nil {
		return ""
	}
	return *p.text
}

// Empty reports whether there is no text.
func (p Personal) Empty() bool { return p.text == nil }

// Len returns how many characters the text has.
func (p Personal) Len() int { return len([]rune(p.Reveal())) }

// String returns the mask, and nothing for an absent text.
func (p Personal) String() string {
	if p.Empty() {
		return ""
	}
	return mask
}

// GoString is String, for %#v.
func (p Personal) GoString() string { return p.String() }

// Format prints the mask for every verb.
func (p Personal) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.String()) }

// MarshalJSON writes the mask.
func (p Personal) MarshalJSON() ([]byte, error) { return json.Marshal(p.String()) }

// MarshalText writes the mask.
func (p Personal) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// LogValue logs the mask.
func (p Personal) LogValue() slog.Value { return slog.StringValue(p.String()) }

// UnmarshalJSON reads a text, or a number as text. Its error does not show the value.
func (p *Personal) UnmarshalJSON(raw []byte) error {
	text, err := scalarText(raw)
	if err != nil {
		return fmt.Errorf("%w: a personal text has another type", piano.ErrShape)
	}
	*p = NewPersonal(text)
	return nil
}

// scalarText is a JSON text, number or truth value as text; null is empty.
func scalarText(raw []byte) (string, error) {
	trimmed := strings.TrimSpace(string(raw))
	switch {
	case trimmed == "" || trimmed == "null":
		return "", nil
	case trimmed[0] == '{' || trimmed[0] == '[':
		return "", piano.ErrShape
	case trimmed[0] != '"':
		return trimmed, nil
	}
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return "", piano.ErrShape
	}
	return strings.TrimSpace(text), nil
}
