package promotion

import (
	"errors"
	"strconv"
	"strings"

	"github.com/shopspring/decimal"
)

// Texts are the numbers of a new promotion as people enter them.
type Texts struct {
	Percent string   // empty for a fixed discount
	Amounts []string // of a fixed discount, such as NOK=100
	Periods string   // a number, or all
	Uses    string   // a number; unlimited or empty for no limit
}

// Fill fills the numbers into a promotion, and checks all of it. It reports every mistake at
// once.
func (t Texts) Fill(n *New) error {
	var errs []error
	n.Discount, n.Percentage, n.Amounts, n.Periods, n.UsesAllowed = Fixed, nil, nil, nil, nil
	if t.Percent != "" {
		number, err := amountOf(t.Percent)
		if err != nil {
			errs = append(errs, errors.New("percent: want a number"))
		}
		n.Discount, n.Percentage = Percentage, &number
	}
	for _, text := range t.Amounts {
		currency, number, _ := strings.Cut(text, "=")
		amount, err := amountOf(strings.TrimSpace(number))
		if err != nil {
			errs = append(errs, errors.New("amount: want a currency and a number, such as NOK=100"))
			continue
		}
		n.Amounts = append(n.Amounts, Amount{Currency: strings.ToUpper(strings.TrimSpace(currency)), Amount: amount})
	}
	if t.Periods != "all" {
		number, err := strconv.ParseUint(t.Periods, 10, 32)
		if err != nil {
			errs = append(errs, errors.New("periods: want a number, or all"))
		}
		n.Periods = new(uint32(number))
	}
	if t.Uses != "unlimited" && t.Uses != "" {
		number, err := strconv.ParseUint(t.Uses, 10, 64)
		if err != nil {
			errs = append(errs, errors.New("uses: want a number, or unlimited"))
		}
		n.UsesAllowed = &number
	}
	return errors.Join(append(errs, n.Validate())...)
}

// amountOf reads a number without an exponent: 1e999999999 would fill the memory.
func amountOf(text string) (decimal.Decimal, error) {
	if len(text) > 20 || strings.ContainsAny(text, "eE") {
		return decimal.Decimal{}, errors.New("not a number")
	}
	return decimal.NewFromString(text)
}
