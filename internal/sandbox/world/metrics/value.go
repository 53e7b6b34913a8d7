package metrics

import (
	"math/big"

	"github.com/pianola/pianola/schemas"
)

// churnMonths is the number of complete months in the mean churn rate of LTV.
const churnMonths = 3

// customerValue fills in ARPU and LTV. Amounts are rounded once.
func (b *book) customerValue(rows []MRR) {
	width := len(b.currencies)
	for i := range rows {
		r := &rows[i]
		if r.ClosingCustomers == 0 {
			continue
		}
		arpu := big.NewRat(int64(r.Closing), int64(r.ClosingCustomers))
		r.ARPU = schemas.NullDecimal4{Decimal4: round(arpu), Valid: true}
		if churn := meanChurn(rows, i, width); churn.Sign() > 0 {
			r.LTV = schemas.NullDecimal4{Decimal4: round(arpu.Quo(arpu, churn)), Valid: true}
		}
	}
}

// meanChurn returns the mean customer churn rate of the last three complete months up to
// a row. A month without customers at its opening has no rate.
func meanChurn(rows []MRR, i, width int) *big.Rat {
	sum, n := new(big.Rat), int64(0)
	for months := 0; i >= 0 && months < churnMonths; i -= width {
		r := &rows[i]
		if !r.Complete {
			continue
		}
		months++
		if r.OpeningCustomers > 0 {
			sum.Add(sum, big.NewRat(int64(r.ChurnedCustomers), int64(r.OpeningCustomers)))
			n++
		}
	}
	if n == 0 {
		return sum
	}
	return sum.Quo(sum, big.NewRat(n, 1))
}
