package trial

import (
	"bytes"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// strayForm is a value that no subscriber's life gives rise to, and what the
// contract says of it (§1): without a reason it is skipped.
type strayForm struct {
	name   string
	value  func(f *formTeller) []byte
	reason schemas.Reason
	field  string
}

// smallStrays is how many of the strays, from the first, are of one byte or none.
const smallStrays = 8

var strays = []strayForm{
	{name: "empty", value: text0("")},
	{name: "null", value: func(*formTeller) []byte { return nil }},
	{name: "of one byte", value: text0("x"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: text0("{"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: text0(" "), reason: schemas.InvalidJSON},
	{name: "of one byte", value: text0("\x00"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: text0("\xff"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: text0("7"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: text0("[]"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: text0("{}"), reason: schemas.MissingField, field: "subscription_id"},
	// Confluent's prefix is one only where an object follows at once.
	{name: "of a prefix alone", value: text0("\x00\x00\x00\x00\x01"), reason: schemas.InvalidJSON},
	{name: "prefixed, no object", value: text0("\x00\x00\x00\x00\x01[]"), reason: schemas.InvalidJSON},
	{name: "prefixed, white space first", value: text0("\x00\x00\x00\x00\x01 {}"), reason: schemas.InvalidJSON},
	{name: "prefixed and empty", value: text0("\x00\x00\x00\x00\x01{}"), reason: schemas.MissingField, field: "subscription_id"},
	{name: "prefixed twice", value: text0("\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01{}"), reason: schemas.InvalidJSON},
}

const limit = world.MaxMessageBytes

// largeStrays lie around the limit and far beyond it; some can be compressed to
// next to nothing, and others not at all.
var largeStrays = []strayForm{
	{name: "of the limit", value: noise(limit), reason: schemas.InvalidJSON},
	{name: "of the limit", value: blanks(limit), reason: schemas.MissingField, field: "subscription_id"},
	{name: "beyond the limit", value: noise(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: noise(3 * limit), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(7 * limit), reason: schemas.TooLarge},
}

func text0(s string) func(*formTeller) []byte {
	return func(*formTeller) []byte { return []byte(s) }
}

func noise(n int) func(*formTeller) []byte {
	return func(f *formTeller) []byte { return f.noise(n) }
}

// blanks is an empty object among white space.
func blanks(n int) func(*formTeller) []byte {
	return func(*formTeller) []byte {
		return append(bytes.Repeat([]byte{' '}, n-2), '{', '}')
	}
}
