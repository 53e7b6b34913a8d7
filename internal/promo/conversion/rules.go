package conversion

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/promo/promotion"
	"github.com/pianola/pianola/internal/promo/store"
	"github.com/pianola/pianola/transform"
)

// keepRules adds a version of each promotion that differs from its last one.
func (r Reader) keepRules(ctx context.Context, all []promotion.Promotion, at time.Time) (int, error) {
	type version struct{ id, rule string }
	known, err := store.Read(ctx, r.Store, "read promotion_rules", `SELECT promotion_id, concat(promotion_name, '|', fixed_code, '|', code_prefix, '|', toString(discount_type), '|', ifNull(toString(percentage), ''), '|',
	arrayStringConcat(arrayMap(d -> concat(toString(d.amount), ' ', toString(d.currency)), fixed_discounts), ','), '|', ifNull(toString(discounted_periods), 'all'), '|',
	toString(new_customers_only), toString(on_renewal), toString(never_zero), toString(is_removed), '|', toString(scope), '|', ifNull(toString(uses_allowed), ''), '|',
	ifNull(toString(toUnixTimestamp64Milli(starts_at)), ''), '|', ifNull(toString(toUnixTimestamp64Milli(ends_at)), ''))
FROM `+r.Tables.Table("promotion_rules")+` FINAL ORDER BY valid_from DESC LIMIT 1 BY promotion_id`, nil, func(row driver.Rows, v *version) error { return row.Scan(&v.id, &v.rule) })
	if err != nil {
		return 0, err
	}
	last := map[string]string{}
	for _, v := range known {
		last[v.id] = v.rule
	}
	var fresh []promotion.Promotion
	for _, p := range all {
		// Piano does not promise an order.
		slices.SortFunc(p.Amounts, func(a, b promotion.Amount) int { return strings.Compare(a.Currency, b.Currency) })
		if rule, ok := last[p.ID]; !ok || rule != ruleText(&p) {
			fresh = append(fresh, p)
		}
	}
	return len(fresh), r.Insert(ctx, "promotion_rules", "promotion_id, promotion_name, fixed_code, code_prefix, discount_type, percentage, fixed_discounts, discounted_periods, new_customers_only, on_renewal, never_zero, scope, uses_allowed, starts_at, ends_at, is_removed, valid_from",
		len(fresh), func(i int) []any {
			p := &fresh[i]
			amounts := make([][]any, len(p.Amounts))
			for j, a := range p.Amounts {
				amounts[j] = []any{a.Currency, a.Amount}
			}
			return []any{p.ID, p.Name, storedCode(p), promotion.Normal(p.Prefix), p.Discount, p.Percentage, amounts, p.Periods, p.NewCustomersOnly, p.OnRenewal, p.NeverZero, p.Scope,
				p.UsesAllowed, p.StartsAt, p.EndsAt, p.Removed, at}
		})
}

// storedCode is the code of a promotion with one code for all. One that works once is worth
// money, and is not stored.
func storedCode(p *promotion.Promotion) string {
	if p.UsedOnce() {
		return ""
	}
	return transform.Guard(promotion.Normal(p.FixedCode))
}

// ruleText is what keepRules compares.
func ruleText(p *promotion.Promotion) string {
	flag := func(b bool) string { return fmt.Sprint(b) }
	money := func(d *decimal.Decimal) string {
		if d == nil {
			return ""
		}
		return d.String() // without zeros at the end, as ClickHouse writes it
	}
	instant := func(at *time.Time) string {
		if at == nil {
			return ""
		}
		return fmt.Sprint(at.UnixMilli())
	}
	var amounts []string
	for _, a := range p.Amounts {
		amounts = append(amounts, money(&a.Amount)+" "+a.Currency)
	}
	periods, uses := "all", ""
	if p.Periods != nil {
		periods = fmt.Sprint(*p.Periods)
	}
	if p.UsesAllowed != nil {
		uses = fmt.Sprint(*p.UsesAllowed)
	}
	return strings.Join([]string{p.Name, storedCode(p), promotion.Normal(p.Prefix), p.Discount, money(p.Percentage), strings.Join(amounts, ","), periods,
		flag(p.NewCustomersOnly) + flag(p.OnRenewal) + flag(p.NeverZero) + flag(p.Removed), p.Scope, uses, instant(p.StartsAt), instant(p.EndsAt)}, "|")
}
