package wire

import (
	"fmt"
	"time"

	"github.com/pianola/pianola/schemas"
)

// The forms of text dates. Piano does not publish which object has which form.
const (
	instantForm = "2006-01-02T15:04:05Z"
	plainForm   = "2006-01-02 15:04:05" // UTC, without saying so
)

// Seconds is a date as seconds since 1970, or nil.
func Seconds(at schemas.NullMillis) *int64 {
	if !at.Valid {
		return nil
	}
	s := int64(at.Millis) / 1000
	return &s
}

// ISO is a text date with its zone, or nil.
func ISO(at schemas.NullMillis) *string { return formatted(at, instantForm) }

// Plain is a text date without a zone, or nil.
func Plain(at schemas.NullMillis) *string { return formatted(at, plainForm) }

// Day is a text date without a time, or nil.
func Day(at schemas.NullMillis) *string { return formatted(at, time.DateOnly) }

func formatted(at schemas.NullMillis, form string) *string {
	if !at.Valid {
		return nil
	}
	text := time.UnixMilli(int64(at.Millis)).UTC().Format(form)
	return &text
}

// At returns a date that is there.
func At(at schemas.Millis) schemas.NullMillis { return schemas.NullMillis{Millis: at, Valid: true} }

// Amount is an exact amount, written as a JSON number.
type Amount schemas.Decimal4

// MarshalJSON writes the number with at least two places.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }

// String returns the amount with two places, or with four where it needs them.
func (a Amount) String() string {
	sign, v := "", a
	if v < 0 {
		sign, v = "-", -v
	}
	if v%100 == 0 {
		return fmt.Sprintf("%s%d.%02d", sign, v/10_000, v%10_000/100)
	}
	return fmt.Sprintf("%s%d.%04d", sign, v/10_000, v%10_000)
}
