package conversion

import (
	"encoding/json"
	"regexp"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/transform"
)

// conversion is a row of promo_conversions.
type conversion struct {
	id, kind         string
	promotion, code  string // ids
	text             string // of a redeemed code, in its normal form
	state            promotion.State
	subscription     string
	renewal          bool
	original, amount *decimal.Decimal
	currency         string
	created          time.Time
}

// redeemedText is the text of a used code as tables have it.
func redeemedText(c promotion.Code) string { return transform.Guard(promotion.Normal(c.Text)) }

func guarded(s *string) string {
	if s == nil {
		return ""
	}
	return transform.Guard(strings.TrimSpace(*s))
}

// moneyForm is a number with a point, between a currency and its sign, which may be absent.
var moneyForm = regexp.MustCompile(`^[A-Za-z\p{Sc}\s]*(-?\d+(?:\.\d+)?)[A-Za-z\p{Sc}\s]*$`)

// money is an amount that Piano writes as a number, as text, or as text with a currency. A
// form with other separators is nil: 1.234 may be either.
func money(raw json.RawMessage) *decimal.Decimal {
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return nil
	}
	if text[0] == '"' && json.Unmarshal(raw, &text) != nil {
		return nil
	}
	number := moneyForm.FindStringSubmatch(text)
	if number == nil {
		return nil
	}
	amount, err := decimal.NewFromString(number[1])
	if err != nil {
		return nil
	}
	return piano.RoundAmount(amount)
}
