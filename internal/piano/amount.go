package piano

import "github.com/shopspring/decimal"

// maxAmount is the limit of the column's Decimal(18, 4), as for the stream (contract §1).
var maxAmount = decimal.New(1, 14)

// RoundAmount rounds an amount of money to four places, half away from zero, as the
// stream does. It is nil for an amount that is too large for the column.
func RoundAmount(d decimal.Decimal) *decimal.Decimal {
	if d = d.Round(4); d.Abs().Cmp(maxAmount) >= 0 {
		return nil
	}
	return &d
}
