package promotion

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Promotion is the rule of a discount.
type Promotion struct {
	ID         string           `json:"promotion_id"`
	Name       string           `json:"name"`
	Status     string           `json:"status"` // active, expired or new
	FixedCode  string           `json:"fixed_code,omitempty"`
	Prefix     string           `json:"code_prefix,omitempty"`
	Discount   string           `json:"discount_type"` // Percentage or Fixed
	Percentage *decimal.Decimal `json:"percentage"`
	Amounts    []Amount         `json:"fixed_discounts"` // of a fixed discount
	// Periods is how many billing periods are discounted; nil for all.
	Periods          *uint32 `json:"discounted_periods"`
	NewCustomersOnly bool    `json:"new_customers_only"`
	OnRenewal        bool    `json:"on_renewal"`
	NeverZero        bool    `json:"never_zero"`
	Scope            string  `json:"scope"` // all, include or unlocked
	// UsesAllowed is how often its codes may be used in all; nil for unlimited. Uses is how
	// often they were.
	UsesAllowed *uint64    `json:"uses_allowed"`
	Uses        uint64     `json:"uses"`
	StartsAt    *time.Time `json:"starts_at"`
	EndsAt      *time.Time `json:"ends_at"`
	Removed     bool       `json:"removed,omitempty"`
}

// Amount is the discount in one currency.
type Amount struct {
	Currency string          `json:"currency"`
	Amount   decimal.Decimal `json:"amount"`
}

// The kinds of discounts.
const (
	Percentage = "percentage"
	Fixed      = "fixed"
)

// Scopes are the values of Scope.
func Scopes() []string { return []string{"all", "include", "unlocked"} }

// UsedOnce reports whether a code works once, so that an unused one is worth money.
func (p *Promotion) UsedOnce() bool {
	return p.FixedCode == "" || p.UsesAllowed != nil && *p.UsesAllowed <= 1
}

// Masked is the promotion with its code masked where the code works once.
func (p Promotion) Masked() Promotion {
	if p.UsedOnce() {
		p.FixedCode = mask(p.FixedCode)
	}
	return p
}

// Normal is the text of a code as tables have it: trimmed and in capitals.
func Normal(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// answer is a promotion as the API writes it.
type answer struct {
	ID           *string      `json:"promotion_id"`
	Name         *string      `json:"name"`
	Status       *string      `json:"status"`
	FixedCode    *string      `json:"fixed_promotion_code"`
	Prefix       *string      `json:"promotion_code_prefix"`
	Discount     *string      `json:"discount_type"`
	Percentage   *json.Number `json:"percentage_discount"`
	Unlimited    *bool        `json:"unlimited_uses"`
	UsesAllowed  *uint64      `json:"uses_allowed"`
	Uses         *uint64      `json:"uses"`
	NewCustomers *bool        `json:"new_customers_only"`
	NeverZero    *bool        `json:"never_allow_zero"`
	Scope        *string      `json:"term_dependency_type"`
	StartDate    piano.Date   `json:"start_date"`
	EndDate      piano.Date   `json:"end_date"`
	Deleted      *bool        `json:"deleted"`
	AllPeriods   *bool        `json:"apply_to_all_billing_periods"`
	OnRenewal    *bool        `json:"can_be_applied_on_renewal"`
	PeriodLimit  *uint32      `json:"billing_period_limit"`
	Amounts      []struct {
		Currency *string      `json:"currency"`
		Amount   *string      `json:"amount"`
		Value    *json.Number `json:"amount_value"`
	} `json:"fixed_discount_list"`
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

func yes(b *bool) bool { return b != nil && *b }

// promotion is the answer in the words of this package. The error names a field and no
// value.
func (a *answer) promotion() (Promotion, error) {
	p := Promotion{
		ID: transform.Guard(text(a.ID)), Name: transform.Guard(text(a.Name)), Status: transform.Guard(text(a.Status)),
		FixedCode: transform.Guard(text(a.FixedCode)), Prefix: transform.Guard(text(a.Prefix)), Discount: transform.Guard(text(a.Discount)), NewCustomersOnly: yes(a.NewCustomers),
		OnRenewal: yes(a.OnRenewal), NeverZero: yes(a.NeverZero), Scope: transform.Guard(text(a.Scope)), Removed: yes(a.Deleted), UsesAllowed: a.UsesAllowed,
	}
	if p.ID == "" {
		return p, fmt.Errorf("%w: promotion_id: is missing", piano.ErrShape)
	}
	if yes(a.Unlimited) {
		p.UsesAllowed = nil
	}
	if a.Uses != nil {
		p.Uses = *a.Uses
	}
	if !yes(a.AllPeriods) {
		first := uint32(1)
		if p.Periods = &first; a.PeriodLimit != nil && *a.PeriodLimit > 0 {
			p.Periods = a.PeriodLimit
		}
	}
	if a.Percentage != nil {
		percent, err := decimal.NewFromString(a.Percentage.String())
		if err != nil {
			return p, fmt.Errorf("%w: percentage_discount: want number", piano.ErrShape)
		}
		p.Percentage = piano.RoundAmount(percent)
	}
	for _, one := range a.Amounts {
		number := text(one.Amount)
		if one.Value != nil {
			number = one.Value.String()
		}
		amount, err := decimal.NewFromString(number)
		rounded := piano.RoundAmount(amount)
		if err != nil || rounded == nil {
			return p, fmt.Errorf("%w: fixed_discount_list.amount_value: want number", piano.ErrShape)
		}
		p.Amounts = append(p.Amounts, Amount{Currency: transform.Guard(text(one.Currency)), Amount: *rounded})
	}
	var err error
	if p.StartsAt, err = a.StartDate.Instant(); err != nil {
		return p, fmt.Errorf("%w: start_date: %w", piano.ErrShape, err)
	}
	if p.EndsAt, err = a.EndDate.Instant(); err != nil {
		return p, fmt.Errorf("%w: end_date: %w", piano.ErrShape, err)
	}
	return p, nil
}
