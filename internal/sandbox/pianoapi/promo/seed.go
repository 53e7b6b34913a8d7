package promo

import (
	"fmt"
	"math"
	"time"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// The promotions of the world by their place. Subscriptions have redeemed the first four.
const (
	spring = iota
	welcome
	annual
	winback
	christmas
	unlock
)

// The codes of the world.
const (
	codeSpring    = "SPRING20"
	codeWelcome   = "WELCOME10"
	codeAnnual    = "ÅRSTILBUD"
	codeChristmas = "JUL25"
	codeUnlock    = "UNLOCK"
	// PrefixWinback begins every code of the promotion with generated codes.
	PrefixWinback = "WINBACK-"
)

// Discount returns the price before the discount of a promotion, from the price after it.
func Discount(index int, charged wire.Amount, currency string) (original wire.Amount) {
	switch index {
	case spring:
		return charged * 100 / 80
	case welcome:
		return charged + welcomeAmounts[currency]
	case annual:
		return charged * 2
	case winback:
		return charged * 100 / 70
	default:
		return charged
	}
}

// Periods returns to how many charges the discount of a promotion applies; 0 without one.
func Periods(index int) int {
	switch index {
	case spring, welcome:
		return 1
	case annual:
		return math.MaxInt
	case winback:
		return 3
	default:
		return 0
	}
}

var welcomeAmounts = map[string]wire.Amount{"EUR": 2_00_00, "USD": 2_50_00, "DKK": 15_00_00}

// appCurrencies are those of the application, in order.
var appCurrencies = []string{"EUR", "USD", "DKK"}

// seed adds the promotions of the world.
func (c *Catalogue) seed() {
	now := c.cfg.Now()
	days := func(n int) *int64 {
		at := now.AddDate(0, 0, n).Truncate(time.Hour).Unix()
		return &at
	}
	for i, p := range []Promotion{
		spring:    {Name: "Spring", Type: percentage, Percentage: ptr(20.0), FixedCode: ptr(codeSpring), Unlimited: true, TermDependency: "all", StartDate: days(-400)},
		welcome:   {Name: "Welcome <b>&amp;</b> hello", Type: fixed, FixedCode: ptr(codeWelcome), Unlimited: true, NewCustomers: true, NeverZero: true, TermDependency: "all", StartDate: days(-400), EndDate: days(100)},
		annual:    {Name: "Årstilbud", Type: percentage, Percentage: ptr(50.0), FixedCode: ptr(codeAnnual), UsesAllowed: ptr(100_000), TermDependency: "include", StartDate: days(-400), EndDate: days(-30), AllPeriods: true},
		winback:   {Name: "Win-back", Type: percentage, Percentage: ptr(30.0), Prefix: ptr(PrefixWinback), UsesAllowed: ptr(1_000_000), TermDependency: "all", StartDate: days(-300), PeriodLimit: ptr(3), OnRenewal: true},
		christmas: {Name: "Christmas", Type: percentage, Percentage: ptr(25.0), FixedCode: ptr(codeChristmas), UsesAllowed: ptr(2), TermDependency: "all", StartDate: days(20), EndDate: days(50)},
		unlock:    {Name: "Unlock the archive", Type: percentage, Percentage: ptr(100.0), FixedCode: ptr(codeUnlock), Unlimited: true, TermDependency: "unlocked", StartDate: days(-10), EndDate: days(10)},
	} {
		p.ID, p.AID, p.CreateDate, p.CreateBy, p.redeemedByIndex = c.nextPromotion(), c.cfg.AID, *days(-410), staff, -1
		if i <= winback {
			p.redeemedByIndex = i
		}
		if p.FixedCode != nil {
			p.addCode(*p.FixedCode, "", p.CreateDate)
		}
		if p.Type == fixed {
			for _, currency := range appCurrencies {
				v := welcomeAmounts[currency]
				p.FixedDiscounts = append(p.FixedDiscounts, FixedDiscount{ID: c.nextDiscount(), Currency: currency, Amount: v.String(), Value: v})
			}
		}
		if p.Prefix != nil {
			p.generate(*p.Prefix, 40, p.CreateDate)
			for n, one := range p.codes[:5] {
				one.email = fmt.Sprintf("kanarie.assigned.%d@example.com", n)
			}
		}
		if p.TermDependency != "all" {
			p.terms = []string{"TMPAY00", "TMPAY02"}
		}
		c.promotions = append(c.promotions, &p)
	}
}

func ptr[T any](v T) *T { return &v }

// PromotionID returns the id of a promotion by its place in the seed.
func PromotionID(index int) string { return promotionID(index + 1) }
