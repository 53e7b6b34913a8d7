package pianoapi

import (
	"fmt"
	"math/rand/v2"
	"strconv"

	"github.com/pianola/pianola/schemas"
)

// billingPlan is a billing plan in one of the known forms of Piano.
type billingPlan struct {
	term       string // payment_billing_plan, or empty
	own        string // billing_plan
	firstPrice string // payment_first_price, or empty
}

// plan renders period and price. Some forms omit one of the two, or cannot be
// parsed. No form has a wrong value.
func (a *account) plan(draw *rand.Rand, currency string) billingPlan {
	amount, priced := amountText(a.price)
	if a.months == 0 {
		if priced && draw.IntN(2) == 0 {
			return billingPlan{own: "one payment of $" + amount}
		}
		return billingPlan{}
	}
	period := periodText(a.months)
	if !priced {
		return billingPlan{own: "every " + period}
	}
	goes := fmt.Sprintf("[%s %s|%s|*]", amount, currency, period)
	if a.plain {
		return billingPlan{term: goes, own: goes, firstPrice: amount}
	}
	trial := fmt.Sprintf("[0 %s|14 days|1]", currency)
	if !a.trialEnds.Valid {
		trial = fmt.Sprintf("[1.00 %s|1 month|1]", currency)
	}
	switch draw.IntN(24) {
	case 0:
		return billingPlan{term: fmt.Sprintf("[%s %s|%d months|*]", amount, currency, a.months)}
	case 1, 2:
		return billingPlan{term: trial + goes, own: goes, firstPrice: "0"}
	case 3:
		return billingPlan{term: fmt.Sprintf("[%s %s|%s|1]", amount, currency, period)}
	case 4:
		return billingPlan{own: "$" + amount + " per " + perText(a.months)}
	case 5: // after a trial, the first price is not the regular price
		return billingPlan{own: "every " + period, firstPrice: amount}
	case 6:
		return billingPlan{own: goes}
	case 7:
		return billingPlan{own: period, firstPrice: amount}
	case 8:
		return billingPlan{term: "Monthly or yearly, see the offer", own: goes}
	case 9:
		return billingPlan{term: "As agreed", own: "Ask the desk"}
	case 10:
		return billingPlan{own: "one payment of $" + amount}
	case 11:
		return billingPlan{term: trial + " " + goes}
	default:
		return billingPlan{term: goes, own: goes, firstPrice: amount}
	}
}

// periodText renders a period as in a plan.
func periodText(months int) string {
	switch {
	case months == 0:
		return ""
	case months == 12:
		return "1 year"
	case months%12 == 0:
		return strconv.Itoa(months/12) + " years"
	case months == 1:
		return "1 month"
	default:
		return strconv.Itoa(months) + " months"
	}
}

// perText renders a period after the word per.
func perText(months int) string {
	switch months {
	case 1:
		return "month"
	case 12:
		return "year"
	default:
		return periodText(months)
	}
}

// amountText renders an amount as in a plan. It returns false for a negative amount,
// or one above the largest price.
func amountText(d schemas.NullDecimal4) (text string, ok bool) {
	const maxAmount = 1_000_000_0000
	if !d.Valid || d.Decimal4 < 0 || d.Decimal4 > maxAmount {
		return "", false
	}
	whole, rest := d.Decimal4/10_000, d.Decimal4%10_000
	if rest%100 == 0 {
		return fmt.Sprintf("%d.%02d", whole, rest/100), true
	}
	return fmt.Sprintf("%d.%04d", whole, rest), true
}
