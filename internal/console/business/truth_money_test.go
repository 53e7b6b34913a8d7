package business_test

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// ofCurrency has the rows of the currency.
func (c *comparison) ofCurrency(t *metrics.Tables) *metrics.Tables {
	t.MRR = slices.DeleteFunc(t.MRR, func(r metrics.MRR) bool { return r.Currency != c.currency })
	t.Days = slices.DeleteFunc(t.Days, func(r metrics.Day) bool { return r.Currency != c.currency })
	t.Ends = slices.DeleteFunc(t.Ends, func(r metrics.End) bool { return r.Currency != c.currency })
	t.TrialCohorts = slices.DeleteFunc(t.TrialCohorts, func(r metrics.TrialCohort) bool { return r.Currency != c.currency })
	t.Dunning = slices.DeleteFunc(t.Dunning, func(r metrics.DunningMonth) bool { return r.Currency != c.currency })
	t.Revenue = slices.DeleteFunc(t.Revenue, func(r metrics.Revenue) bool { return r.Currency != c.currency })
	t.Changes = slices.DeleteFunc(t.Changes, func(r metrics.Change) bool { return r.Currency != c.currency })
	t.PromoCodes = slices.DeleteFunc(t.PromoCodes, func(r metrics.PromoCode) bool { return r.Currency != c.currency })
	t.AtRisk = slices.DeleteFunc(t.AtRisk, func(r metrics.AtRisk) bool { return r.Currency != c.currency })
	return t
}

func sorted[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// months are all from the first to the last.
func months[V any](of map[string]V) (all []string) {
	known := sorted(of)
	if len(known) == 0 {
		return nil
	}
	for month := known[0]; month <= known[len(known)-1]; {
		all = append(all, month)
		at, _ := time.Parse(time.DateOnly, month)
		month = at.AddDate(0, 1, 0).Format(time.DateOnly)
	}
	return all
}

// sums are charges and refunds.
type sums struct {
	charges, refunds schemas.Decimal4
	counts           [2]int
}

func add(of map[string]*sums, key string, r metrics.Revenue) {
	if of[key] == nil {
		of[key] = &sums{}
	}
	of[key].charges += r.Charges
	of[key].refunds += r.Refunds
	of[key].counts[0] += r.ChargeCount
	of[key].counts[1] += r.RefundCount
}

func (c *comparison) revenue() {
	all := c.ofCurrency(c.world.truth("revenue_by_month")).Revenue
	byMonth, terms := map[string]*sums{}, map[string]*sums{}
	for _, r := range all {
		add(byMonth, r.Month+"-01", r)
		add(terms, r.Term, r)
	}
	var rows [][]any
	for _, month := range months(byMonth) {
		of := cmp.Or(byMonth[month], &sums{})
		rows = append(rows, []any{month, of.charges, of.refunds, of.charges + of.refunds, of.counts[0], of.counts[1]})
	}
	c.same("revenue", "months", nil, "month charges refunds net charge_count refund_count", rows)

	for by, key := range map[string]func(metrics.Revenue) string{
		"term":     func(r metrics.Revenue) string { return r.Term },
		"resource": func(r metrics.Revenue) string { return r.Resource }, "country": func(r metrics.Revenue) string { return r.Country },
		"experience": func(r metrics.Revenue) string { return r.Experience },
	} {
		c.parts(all, url.Values{"by": {by}}, key)
	}
	term := sorted(terms)[len(terms)-1]
	ofTerm := slices.DeleteFunc(slices.Clone(all), func(r metrics.Revenue) bool { return r.Term != term })
	c.parts(ofTerm, url.Values{"by": {"country"}, "term": {"=" + term}}, func(r metrics.Revenue) string { return r.Country })
}

func (c *comparison) parts(all []metrics.Revenue, choices url.Values, key func(metrics.Revenue) string) {
	whole, months := map[string]*sums{}, map[string]map[string]*sums{}
	for _, r := range all {
		add(whole, key(r), r)
	}
	names := slices.SortedFunc(maps.Keys(whole), func(a, b string) int {
		return cmp.Or(cmp.Compare(whole[b].charges, whole[a].charges), cmp.Compare(a, b))
	})
	var rows [][]any
	for _, name := range names {
		rows = append(rows, []any{harmless(name), whole[name].charges, whole[name].refunds, whole[name].counts[0]})
	}
	c.same("revenue", "whole", maps.Clone(choices), "part charges refunds charge_count", rows)

	// By month: six parts, and the others together.
	for _, r := range all {
		if months[r.Month] == nil {
			months[r.Month] = map[string]*sums{}
		}
		name := key(r)
		if slices.Index(names, name) >= 6 {
			name = "(all others)"
		}
		add(months[r.Month], name, r)
	}
	rows = nil
	for _, month := range sorted(months) {
		for i, name := range append(slices.Clone(names[:min(6, len(names))]), "(all others)") {
			if of := months[month][name]; of != nil {
				rank := i + 1
				if name == "(all others)" {
					rank = 7
				}
				rows = append(rows, []any{month + "-01", rank, harmless(name), of.charges, of.refunds})
			}
		}
	}
	c.same("revenue", "parts", maps.Clone(choices), "month rank part charges refunds", rows)
}

// harmless is a text as CSV has it.
func harmless(text string) string {
	if text != "" && slices.Contains([]byte("=+-@\t\r"), text[0]) {
		return "'" + text
	}
	return text
}

func (c *comparison) changes() {
	type month struct {
		counts   [4]int               // upgrades, downgrades, pending, void
		up, down schemas.NullDecimal4 // NULL without a known MRR after a change
	}
	byMonth := map[string]*month{}
	for _, r := range c.ofCurrency(c.world.truth("subscription_changes")).Changes {
		of := byMonth[monthOf(r.AnnouncedAt)]
		if of == nil {
			of = &month{}
			byMonth[monthOf(r.AnnouncedAt)] = of
		}
		moved := schemas.NullDecimal4{}
		if r.MRRAfter.Valid && r.CurrencyAfter == r.Currency {
			moved = schemas.NullDecimal4{Decimal4: r.MRRAfter.Decimal4 - r.MRRBefore, Valid: true}
		}
		grow := func(sum *schemas.NullDecimal4) {
			sum.Decimal4 += moved.Decimal4
			sum.Valid = sum.Valid || moved.Valid
		}
		switch {
		case r.Outcome == metrics.Pending:
			of.counts[2]++
		case r.Outcome == metrics.Void:
			of.counts[3]++
		case r.Direction == metrics.Upgrade:
			of.counts[0]++
			grow(&of.up)
		default:
			of.counts[1]++
			grow(&of.down)
		}
	}
	var rows [][]any
	for _, name := range months(byMonth) {
		of := cmp.Or(byMonth[name], &month{})
		rows = append(rows, []any{name, of.counts[0], of.counts[1], of.counts[2], of.counts[3], of.up, of.down})
	}
	c.same("plan-changes", "months", nil, "month upgrades downgrades pending void upgrade_mrr downgrade_mrr", rows)
}

func (c *comparison) promo() {
	codes := c.ofCurrency(c.world.truth("promo_codes")).PromoCodes
	slices.SortFunc(codes, func(a, b metrics.PromoCode) int {
		return cmp.Or(cmp.Compare(b.Subscriptions, a.Subscriptions), cmp.Compare(a.Code, b.Code))
	})
	var rows, money [][]any
	for _, r := range codes {
		rows = append(rows, []any{r.Code, r.Subscriptions, r.Redeemed, r.FullPrice, r.Redeemed - r.FullPrice - r.NotYetDue, r.Reserved, r.Released, r.NotYetDue,
			share(float64(r.FullPrice), float64(r.Redeemed), 1), r.Live, r.Discounted, r.NewCustomers})
	}
	c.same("promo-codes", "codes", nil, "promo_code subscriptions redeemed full_price no_full_price reserved released not_yet_due conversion_percent live discounted new_customers", rows)
	slices.SortFunc(codes, func(a, b metrics.PromoCode) int {
		return cmp.Or(cmp.Compare(b.Charges+b.Refunds, a.Charges+a.Refunds), cmp.Compare(a.Code, b.Code))
	})
	for _, r := range codes {
		money = append(money, []any{r.Code, r.Redeemed, r.Charges, r.Refunds, r.Charges + r.Refunds, r.FirstDiscount, r.MRR})
	}
	c.same("promo-codes", "money", nil, "promo_code redeemed charges refunds net_revenue first_discount mrr", money)
}

func (c *comparison) risk() {
	t := c.ofCurrency(c.world.truth("subscriptions_at_risk"))
	if len(t.AtRisk) == 0 {
		return
	}
	var counts [5]int
	var mrr [5]schemas.Decimal4
	ends := map[string][2]int{}
	for _, r := range t.AtRisk {
		for i, is := range [5]bool{true, r.AutoRenewOff, r.Failing, r.Overdue, r.InTrial} {
			if is {
				counts[i]++
				mrr[i] += r.MRR
			}
		}
		if !r.AutoRenewOff && !r.InTrial {
			continue
		}
		at := r.PeriodEndsAt
		if r.InTrial {
			at = r.TrialEndsAt
		}
		days := (at.Millis - c.world.in.AsOf) / (24 * 60 * 60 * 1000)
		name := "later"
		switch {
		case !at.Valid:
			name = "not known"
		case at.Millis < c.world.in.AsOf:
			name = "already past"
		case days < 7:
			name = "within 7 days"
		case days < 30:
			name = "in 8 to 30 days"
		}
		of := ends[name]
		if r.InTrial {
			of[1]++
		} else {
			of[0]++
		}
		ends[name] = of
	}
	var rows, when [][]any
	for i, name := range []string{"any reason", "auto-renew off", "payment failing", "overdue by seven days", "in trial"} {
		rows = append(rows, []any{name, counts[i], mrr[i]})
	}
	c.same("at-risk", "reasons", nil, "reason subscriptions mrr", rows)
	for _, name := range []string{"already past", "within 7 days", "in 8 to 30 days", "later", "not known"} {
		if of, some := ends[name]; some {
			when = append(when, []any{name, of[0], of[1]})
		}
	}
	c.same("at-risk", "when", nil, "end autorenew_off trials", when)
}

func (c *comparison) closings() {
	var rows [][]any
	for _, r := range c.ofCurrency(c.world.truth("mrr_movements")).MRR {
		if r.Complete {
			rows = append(rows, []any{r.Month + "-01", r.Closing, r.Closing, schemas.Decimal4(0), 1})
		}
	}
	c.same("closings", "stated", url.Values{"figure": {"closing_mrr"}}, "month first latest difference times", rows)
	c.same("closings", "restatements", url.Values{"figure": {"closing_mrr"}}, "", nil)
}

func (c *comparison) retention() {
	cells := c.world.truth("customer_retention").Retention
	for reading, of := range map[string]func(metrics.RetentionCell) int{
		"active": func(r metrics.RetentionCell) int { return r.Active }, "unbroken": func(r metrics.RetentionCell) int { return r.Unbroken },
	} {
		var rows, curve [][]any
		ages := map[int]*[3]int{}
		for _, r := range cells {
			rows = append(rows, []any{r.Cohort + "-01", r.Age, r.Customers, r.Active, r.Unbroken, share(float64(of(r)), float64(r.Customers), 1), state(r.Immature)})
			if r.Immature || r.Customers == 0 {
				continue
			}
			if ages[r.Age] == nil {
				ages[r.Age] = &[3]int{}
			}
			for i, n := range [3]int{1, r.Customers, of(r)} {
				ages[r.Age][i] += n
			}
		}
		choices := url.Values{"reading": {reading}}
		c.same("retention", "triangle", choices, "cohort age customers active unbroken percent state", rows)
		for _, age := range slices.Sorted(maps.Keys(ages)) {
			n := ages[age]
			curve = append(curve, []any{age, n[0], n[1], share(float64(n[2]), float64(n[1]), 1)})
		}
		c.same("retention", "curve", choices, "age cohorts customers percent", curve)
	}
}

func (c *comparison) customers() {
	var months, rates [][]any
	for _, r := range c.world.truth("mrr_movements").Customers {
		months = append(months, []any{r.Month + "-01", r.Opening, r.New, r.Discovered, r.Reactivated, r.Churned, r.Closing, !r.Complete})
		rates = append(rates, []any{r.Month + "-01", r.ChurnedVoluntary, r.ChurnedInvoluntary, r.ChurnedUnknown, share(float64(r.Churned), float64(r.Opening), 2)})
	}
	c.same("subscribers", "customers", nil, "month opening new discovered reactivated churned closing in_progress", months)
	c.same("churn", "rate", nil, "month churned_voluntary churned_involuntary churned_unknown churn_percent", rates)
}
