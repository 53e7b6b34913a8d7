package customer

import (
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// word is a text that names no person, such as an id or a state. It goes through the guard
// all the same: no text of the API is trusted to hold no address.
type word string

// UnmarshalJSON reads a text or a number.
func (w *word) UnmarshalJSON(raw []byte) error {
	text, err := scalarText(raw)
	if err != nil {
		return fmt.Errorf("%w: a text has another type", piano.ErrShape)
	}
	*w = word(transform.Guard(text))
	return nil
}

// flag is a truth value: true, "true", 1 or "1". Piano leaves out values that are false.
type flag struct{ known, on bool }

// UnmarshalJSON reads all its forms.
func (f *flag) UnmarshalJSON(raw []byte) error {
	text, err := scalarText(raw)
	switch strings.ToLower(text) {
	case "true", "1", "yes", "y":
		*f = flag{known: true, on: true}
	case "false", "0", "no", "n":
		*f = flag{known: true}
	case "":
		*f = flag{}
	default:
		err = piano.ErrShape
	}
	if err != nil {
		return fmt.Errorf("%w: want true or false", piano.ErrShape)
	}
	return nil
}

// pointer is nil where Piano left the value out.
func (f flag) pointer() *bool {
	if !f.known {
		return nil
	}
	return &f.on
}

// Amount is an amount of money as Piano writes it, as a number or a text; nil without one.
type Amount struct{ value *decimal.Decimal }

// maxAmountText limits a number in text: an exponent could make it any length.
const maxAmountText = 40

// UnmarshalJSON reads a number or a text that is one.
func (a *Amount) UnmarshalJSON(raw []byte) error {
	text, err := scalarText(raw)
	if err != nil {
		return fmt.Errorf("%w: want an amount", piano.ErrShape)
	}
	a.value = nil
	if text == "" {
		return nil
	}
	parsed, err := decimal.NewFromString(text)
	if err != nil || len(text) > maxAmountText || parsed.Exponent() > 20 || parsed.Exponent() < -20 {
		return fmt.Errorf("%w: want an amount", piano.ErrShape)
	}
	a.value = piano.RoundAmount(parsed)
	if a.value == nil {
		return fmt.Errorf("%w: the amount is too large", piano.ErrShape)
	}
	return nil
}

// NewAmount is a known amount.
func NewAmount(d decimal.Decimal) Amount { return Amount{value: &d} }

// Decimal returns the amount; false where Piano sent none.
func (a Amount) Decimal() (decimal.Decimal, bool) {
	if a.value == nil {
		return decimal.Decimal{}, false
	}
	return *a.value, true
}

// String is the amount, empty without one.
func (a Amount) String() string {
	if a.value == nil {
		return ""
	}
	return a.value.String()
}

// MarshalText is String.
func (a Amount) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// dates decodes several dates of one object.
func dates(path string, fields map[string]dateField) error {
	for name, f := range fields {
		at, err := f.from.Instant()
		if err != nil {
			return fmt.Errorf("%w: %s.%s: %w", piano.ErrShape, path, name, err)
		}
		*f.into = at
	}
	return nil
}

// readable decodes the dates that Piano writes as text. Their form is not published, and
// they are shown only: one in an unknown form is left out.
func readable(fields map[string]dateField) {
	for _, f := range fields {
		*f.into, _ = f.from.Instant()
	}
}

type dateField struct {
	from piano.Date
	into **time.Time
}
