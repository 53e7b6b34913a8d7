package diff

import "github.com/shopspring/decimal"

// Amount is an exact sum of transaction_value.
type Amount struct{ decimal.Decimal }

// amountPlaces are those of the column.
const amountPlaces = 4

// String has all places of the column.
func (a Amount) String() string { return a.StringFixed(amountPlaces) }

// MarshalJSON writes an exact number. UnmarshalJSON is decimal's.
func (a Amount) MarshalJSON() ([]byte, error) { return []byte(a.String()), nil }
