package promo

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// ErrNotAccepted reports that the checkout does not accept a promo code.
var ErrNotAccepted = errors.New("the checkout does not accept the promo code")

// Purchase is what a code is redeemed for.
type Purchase struct {
	Code        string
	TermID      string
	Price       wire.Amount // before the discount
	Currency    string
	NewCustomer bool
}

// Redeem uses a code as the checkout does, and returns the price after the discount. A
// generated code can be used once. The caller adds the redemption to those that
// Config.Redemptions returns.
func (c *Catalogue) Redeem(b Purchase) (Use, wire.Amount, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	redeemed := c.cfg.Redemptions()
	for _, p := range c.promotions {
		at := slices.IndexFunc(p.codes, func(one *code) bool { return strings.EqualFold(one.text, b.Code) })
		if p.Deleted || at < 0 {
			continue
		}
		shown := c.shown(p, redeemed)
		switch {
		case shown.Status != "active":
			return Use{}, 0, fmt.Errorf("%w: the promotion is %s", ErrNotAccepted, shown.Status)
		case p.NewCustomers && !b.NewCustomer:
			return Use{}, 0, fmt.Errorf("%w: it is for new customers", ErrNotAccepted)
		case !p.Unlimited && p.UsesAllowed != nil && shown.Uses >= *p.UsesAllowed:
			return Use{}, 0, fmt.Errorf("%w: its limit is used up", ErrNotAccepted)
		case p.TermDependency != "all" && !slices.Contains(p.terms, b.TermID):
			return Use{}, 0, fmt.Errorf("%w: it is not for this term", ErrNotAccepted)
		}
		after, ok := p.reduce(b.Price, b.Currency)
		if !ok {
			return Use{}, 0, fmt.Errorf("%w: it has no discount in this currency", ErrNotAccepted)
		}
		use := Use{PromotionID: p.ID, Code: p.codes[at].text, Regular: b.Price, Charged: after}
		if p.FixedCode == nil || !strings.EqualFold(*p.FixedCode, b.Code) {
			p.codes = slices.Delete(p.codes, at, at+1)
		}
		return use, after, nil
	}
	return Use{}, 0, fmt.Errorf("%w: it is unknown or used", ErrNotAccepted)
}

// reduce returns the price after the discount. ok is false without a discount in the
// currency.
func (p *Promotion) reduce(price wire.Amount, currency string) (after wire.Amount, ok bool) {
	after = price
	if p.Type == percentage {
		after -= wire.Amount(float64(price) * *p.Percentage / 100)
		ok = true
	}
	for _, d := range p.FixedDiscounts {
		if p.Type == fixed && d.Currency == currency {
			after, ok = max(0, price-d.Value), true
		}
	}
	if p.NeverZero && after < cent {
		after = cent
	}
	return after / cent * cent, ok
}
