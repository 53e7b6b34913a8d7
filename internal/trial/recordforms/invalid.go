package recordforms

import (
	"bytes"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// invalidValue is a value that is not an event, and what the contract requires for it (§1).
// Without a reason it is skipped.
type invalidValue struct {
	name   string
	value  func(f *publisher) []byte
	reason schemas.Reason
	field  string
}

// smallValues is how many of invalidValues, from the first, have at most one byte.
const smallValues = 8

var invalidValues = []invalidValue{
	{name: "empty", value: literal("")},
	{name: "null", value: func(*publisher) []byte { return nil }},
	{name: "of one byte", value: literal("x"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("{"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal(" "), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("\x00"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("\xff"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("7"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: literal("[]"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: literal("{}"), reason: schemas.MissingField, field: "subscription_id"},
	// Confluent's prefix must be followed by an object at once.
	{name: "of a prefix alone", value: literal("\x00\x00\x00\x00\x01"), reason: schemas.InvalidJSON},
	{name: "prefixed, no object", value: literal("\x00\x00\x00\x00\x01[]"), reason: schemas.InvalidJSON},
	{name: "prefixed, white space first", value: literal("\x00\x00\x00\x00\x01 {}"), reason: schemas.InvalidJSON},
	{name: "prefixed and empty", value: literal("\x00\x00\x00\x00\x01{}"), reason: schemas.MissingField, field: "subscription_id"},
	{name: "prefixed twice", value: literal("\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01{}"), reason: schemas.InvalidJSON},
}

const limit = world.MaxMessageBytes

// largeValues have sizes around the limit and far beyond it. Some compress to almost
// nothing, others do not compress.
var largeValues = []invalidValue{
	{name: "of the limit", value: noise(limit), reason: schemas.InvalidJSON},
	{name: "of the limit", value: blanks(limit), reason: schemas.MissingField, field: "subscription_id"},
	{name: "beyond the limit", value: noise(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: noise(3 * limit), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(7 * limit), reason: schemas.TooLarge},
}

func literal(s string) func(*publisher) []byte {
	return func(*publisher) []byte { return []byte(s) }
}

func noise(n int) func(*publisher) []byte {
	return func(f *publisher) []byte { return f.noise(n) }
}

// blanks is an empty object with white space before it.
func blanks(n int) func(*publisher) []byte {
	return func(*publisher) []byte {
		return append(bytes.Repeat([]byte{' '}, n-2), '{', '}')
	}
}
