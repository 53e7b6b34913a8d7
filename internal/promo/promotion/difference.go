package promotion

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/shopspring/decimal"
)

var hundred = decimal.New(100, 0)

// Difference is a field that Piano has otherwise than it was wanted.
type Difference struct {
	Field string `json:"field"`
	Want  string `json:"want"`
	Got   string `json:"got"`
}

// differences compares a promotion that was read with the wanted one.
func (n *New) differences(got *Promotion) []Difference {
	var all []Difference
	compare := func(field, want, got string) {
		if want != got {
			all = append(all, Difference{field, want, got})
		}
	}
	compare("name", n.Name, got.Name)
	compare("discount_type", n.Discount, got.Discount)
	compare("percentage", number(n.Percentage), number(got.Percentage))
	compare("fixed_discounts", amounts(n.Amounts), amounts(got.Amounts))
	compare("discounted_periods", limit(n.Periods, "all"), limit(got.Periods, "all"))
	compare("new_customers_only", fmt.Sprint(n.NewCustomersOnly), fmt.Sprint(got.NewCustomersOnly))
	compare("on_renewal", fmt.Sprint(n.OnRenewal), fmt.Sprint(got.OnRenewal))
	compare("never_zero", fmt.Sprint(n.NeverZero), fmt.Sprint(got.NeverZero))
	compare("scope", n.Scope, got.Scope)
	compare("uses_allowed", limit(n.UsesAllowed, "unlimited"), limit(got.UsesAllowed, "unlimited"))
	compare("starts_at", day(n.StartsAt), day(got.StartsAt))
	compare("ends_at", day(n.EndsAt), day(got.EndsAt))
	if Normal(n.FixedCode) != Normal(got.FixedCode) {
		all = append(all, Difference{"fixed_code", mask(n.FixedCode), mask(got.FixedCode)})
	}
	compare("code_prefix", n.Prefix, got.Prefix)
	return all
}

func number(d *decimal.Decimal) string {
	if d == nil {
		return "none"
	}
	return d.String()
}

// amounts ignores the order.
func amounts(all []Amount) string {
	var texts []string
	for _, a := range all {
		texts = append(texts, a.Amount.String()+" "+a.Currency)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func limit[T uint32 | uint64](n *T, without string) string {
	if n == nil {
		return without
	}
	return fmt.Sprint(*n)
}

func day(at *time.Time) string {
	if at == nil {
		return "none"
	}
	return at.UTC().Format(time.RFC3339)
}
