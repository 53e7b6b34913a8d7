package metrics

import (
	"math/big"
	"testing"

	"github.com/pianola/pianola/schemas"
)

func TestParsePlan(t *testing.T) {
	price := func(d schemas.Decimal4) schemas.NullDecimal4 {
		return schemas.NullDecimal4{Decimal4: d, Valid: true}
	}
	for text, want := range map[string]plan{
		"[19.99 USD|1 month|*]":                     {price(19_9900), "USD", "1 month"},
		"[1 USD|1 month|1][119.99 USD|12 months|*]": {price(119_9900), "USD", "12 months"},
		"[5 EUR|week|*][9 EUR|month|1]":             {price(5_0000), "EUR", "week"},
		"[5 EUR|2 weeks|3][7 EUR|2 weeks|1]":        {price(7_0000), "EUR", "2 weeks"},
		"$119.99 per year":                          {price(119_9900), "", "year"},
		"every 3 months":                            {period: "every 3 months"},
		"one payment of $99.99":                     {},
		"[19.99 usd|1 month|*]":                     {},
		"[19.99 USD|0 months|*]":                    {},
		"[19.99 USD|1 month]":                       {},
		"free":                                      {},
		"":                                          {},
	} {
		if got := parsePlan(text); got != want {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestRound_half_away_from_zero(t *testing.T) {
	for _, c := range []struct {
		num, den int64
		want     schemas.Decimal4
	}{{1, 2, 1}, {-1, 2, -1}, {1, 3, 0}, {2, 3, 1}, {-2, 3, -1}, {5, 1, 5}, {0, 7, 0}, {3, 2, 2}, {-3, 2, -2}} {
		if got := round(big.NewRat(c.num, c.den)); got != c.want {
			t.Errorf("%d/%d is rounded to %d, not %d", c.num, c.den, got, c.want)
		}
	}
}

func TestMonthly_of_the_largest_amount(t *testing.T) {
	if got, want := parseSpan("3 months").monthly(99_999_999_999_999_9999), schemas.Decimal4(33_333_333_333_333_3333); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
