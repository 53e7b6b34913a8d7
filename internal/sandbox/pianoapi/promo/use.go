package promo

import (
	"math"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Use is the promo code with which a subscription began. The zero Use is for one without a code.
type Use struct {
	PromotionID string
	Code        string
	// Regular is the price before the discount of the first charge. It is 0 for a
	// subscription of the world: there the charge is that of the stream, and the price
	// before the discount follows from it.
	Regular wire.Amount
	Charged wire.Amount // where Regular is set
	index   int         // in the seed
}

// UseOf returns the use of a subscription of the world, chosen by its id. Half of them
// began without a code.
func UseOf(id string) Use {
	u := Use{}
	switch at := hashOf("promo", id) % 12; at {
	case 6, 7:
		u.index, u.Code = spring, codeSpring
	case 8, 9:
		u.index, u.Code = welcome, codeWelcome
	case 10:
		u.index, u.Code = annual, codeAnnual
	case 11:
		u.index, u.Code = winback, PrefixWinback+letters(hashOf("code", id))
	default:
		return u
	}
	u.PromotionID = promotionID(u.index + 1)
	return u
}

// Original returns the price before the discount of a charge. n is 0 for the first charge.
func (u Use) Original(n int, charged wire.Amount, currency string) wire.Amount {
	switch {
	case u.PromotionID == "" || n >= u.periods():
		return charged
	case u.Regular != 0:
		return u.Regular
	}
	original := charged
	switch u.index {
	case spring:
		original = charged * 100 / 80
	case welcome:
		original = charged + welcomeAmounts[currency]
	case annual:
		original = charged * 2
	case winback:
		original = charged * 100 / 70
	}
	return original / cent * cent
}

// periods returns to how many charges the discount applies.
func (u Use) periods() int {
	switch {
	case u.Regular != 0:
		return 1
	case u.index == annual:
		return math.MaxInt
	case u.index == winback:
		return 3
	default:
		return 1
	}
}
