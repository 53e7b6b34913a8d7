package metrics

import (
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// span is the length of a billing period in months, as a fraction. The zero span is
// unknown.
type span struct{ num, den int64 }

var periodForm = regexp.MustCompile(`^(?:every )?(?:(\d{1,4}) )?(day|week|month|year)s?$`)

// parseSpan returns the length of a billing period such as "3 months". A year has 12
// months, a week 12/52, a day 12/365.
func parseSpan(period string) span {
	m := periodForm.FindStringSubmatch(period)
	if m == nil {
		return span{}
	}
	n := int64(1)
	if m[1] != "" {
		n, _ = strconv.ParseInt(m[1], 10, 64) // four digits at most
	}
	switch {
	case n == 0:
		return span{}
	case m[2] == "day":
		return span{12 * n, 365}
	case m[2] == "week":
		return span{12 * n, 52}
	case m[2] == "month":
		return span{n, 1}
	default:
		return span{12 * n, 1}
	}
}

// monthly returns the price of one month. It is rounded to four places, half away from
// zero.
func (s span) monthly(price schemas.Decimal4) schemas.Decimal4 {
	return round(big.NewRat(int64(price), 1).Mul(big.NewRat(int64(price), 1), big.NewRat(s.den, s.num)))
}

// round rounds a number of ten-thousandths to a whole one, half away from zero.
func round(r *big.Rat) schemas.Decimal4 {
	twice := new(big.Int).Lsh(new(big.Int).Abs(r.Num()), 1)
	twice.Add(twice, r.Denom())
	q := twice.Quo(twice, new(big.Int).Lsh(r.Denom(), 1)).Int64()
	if r.Sign() < 0 {
		q = -q
	}
	return schemas.Decimal4(q)
}

// plan is a parsed billing plan.
type plan struct {
	price    schemas.NullDecimal4
	currency string
	period   string
}

var (
	planForm    = regexp.MustCompile(`^(?:\[[^\[\]]*\]\s*)+$`)
	segmentForm = regexp.MustCompile(`\[([^\[\]]*)\]`)
	perForm     = regexp.MustCompile(`^\$(\d+(?:\.\d+)?) per (.+)$`)
)

// parsePlan reads the text of a billing plan. The recurring segment counts, which has
// an asterisk. Without one the last segment counts. A text in another form is unknown.
func parsePlan(text string) plan {
	text = strings.TrimSpace(text)
	if m := perForm.FindStringSubmatch(text); m != nil && parseSpan(m[2]) != (span{}) {
		return plan{price: parseAmount(m[1]), period: m[2]}
	}
	if parseSpan(text) != (span{}) {
		return plan{period: text}
	}
	if !planForm.MatchString(text) {
		return plan{} // one payment has a price, but no period that it is for
	}
	var found plan
	recurring := false
	for _, m := range segmentForm.FindAllStringSubmatch(text, -1) {
		one, count, ok := parseSegment(m[1])
		if !ok {
			return plan{}
		}
		if !recurring {
			found, recurring = one, count == "*"
		}
	}
	return found
}

var (
	countForm = regexp.MustCompile(`^(\*|\d+)$`)
	priceForm = regexp.MustCompile(`^(\d+(?:\.\d+)?)\s+([A-Z]{3})$`)
)

// parseSegment reads PRICE CUR|[N] UNIT|COUNT.
func parseSegment(text string) (p plan, count string, ok bool) {
	parts := strings.Split(text, "|")
	if len(parts) != 3 {
		return plan{}, "", false
	}
	price, period := priceForm.FindStringSubmatch(strings.TrimSpace(parts[0])), strings.TrimSpace(parts[1])
	count = strings.TrimSpace(parts[2])
	if price == nil || strings.HasPrefix(period, "every") || parseSpan(period) == (span{}) || !countForm.MatchString(count) {
		return plan{}, "", false
	}
	return plan{price: parseAmount(price[1]), currency: price[2], period: period}, count, true
}

func parseAmount(text string) schemas.NullDecimal4 {
	r, ok := new(big.Rat).SetString(text)
	if !ok || len(text) > 18 {
		return schemas.NullDecimal4{}
	}
	return schemas.NullDecimal4{Decimal4: round(r.Mul(r, big.NewRat(10_000, 1))), Valid: true}
}
