package promo

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

func (c *Catalogue) create(r *http.Request) wire.Answer {
	p := &Promotion{redeemedByIndex: -1, AID: c.cfg.AID, CreateDate: c.cfg.Now().Unix(), CreateBy: staff}
	if a, bad := p.fill(r); bad {
		return a
	}
	if a, missing := wire.Missing(r, "new_customers_only"); missing {
		return a
	}
	p.ID = c.nextPromotion()
	if p.FixedCode != nil {
		p.addCode(*p.FixedCode, "", p.CreateDate)
	}
	c.promotions = append(c.promotions, p)
	return c.answer(p)
}

func (c *Catalogue) update(r *http.Request, p *Promotion) wire.Answer {
	if a, missing := wire.Missing(r, "discount_type"); missing {
		return a
	}
	changed := *p
	if a, bad := changed.fill(r); bad {
		return a
	}
	at, by := c.cfg.Now().Unix(), staff
	changed.UpdateDate, changed.UpdateBy = &at, &by
	*p = changed
	return c.answer(p)
}

// fill sets every field from the parameters. One that is absent gets its default, also in
// an update.
func (p *Promotion) fill(r *http.Request) (a wire.Answer, bad bool) {
	if a, missing := wire.Missing(r, "name"); missing {
		return a, true
	}
	p.Name = r.Form.Get("name")
	for name, to := range map[string]*bool{
		"new_customers_only": &p.NewCustomers, "unlimited_uses": &p.Unlimited, "never_allow_zero": &p.NeverZero,
		"apply_to_all_billing_periods": &p.AllPeriods, "can_be_applied_on_renewal": &p.OnRenewal,
	} {
		var ok bool
		if *to, ok = wire.FlagOr(r, name, false); !ok {
			return wire.Invalid(name, "must be true or false"), true
		}
	}
	for name, to := range map[string]**int{"uses_allowed": &p.UsesAllowed, "billing_period_limit": &p.PeriodLimit} {
		*to = nil
		if r.Form.Get(name) == "" {
			continue
		}
		n, ok := wire.Number(r, name, 1)
		if !ok {
			return wire.Invalid(name, "must be a number from 1 on"), true
		}
		*to = &n
	}
	for name, to := range map[string]**int64{"start_date": &p.StartDate, "end_date": &p.EndDate} {
		*to = nil
		if r.Form.Get(name) == "" {
			continue
		}
		at, ok := wire.Instant(r, name)
		if !ok {
			return wire.Invalid(name, "must be seconds since 1970"), true
		}
		s := at.Unix()
		*to = &s
	}
	if p.StartDate != nil && p.EndDate != nil && *p.EndDate <= *p.StartDate {
		return wire.Failed(wire.CodeBadPeriod, "The end date must be after the start date"), true
	}
	var ok bool
	if p.Type, ok = wire.OneOf(r, "discount_type", fixed, percentage); !ok {
		return wire.Invalid("discount_type", "is unknown"), true
	}
	if p.TermDependency, ok = wire.OneOf(r, "term_dependency_type", "all", "include", "unlocked"); !ok {
		return wire.Invalid("term_dependency_type", "is unknown"), true
	}
	p.Percentage = nil
	if p.Type == percentage {
		n, err := strconv.ParseFloat(r.Form.Get("percentage_discount"), 64)
		if err != nil || !(n > 0 && n <= 100) {
			return wire.Failed(wire.CodePercentMissing, "The percentage of the discount is required"), true
		}
		p.Percentage = &n
	}
	code, prefix := r.Form.Get("fixed_promotion_code"), r.Form.Get("promotion_code_prefix")
	if code != "" && prefix != "" {
		return wire.Failed(wire.CodeFixedAndPrefix, "Fixed code and prefix exclude each other"), true
	}
	p.FixedCode, p.Prefix = nil, nil
	if code != "" {
		p.FixedCode = &code
	}
	if prefix != "" {
		p.Prefix = &prefix
	}
	return a, false
}

func (c *Catalogue) remove(_ *http.Request, p *Promotion) wire.Answer {
	if len(p.claims(c.cfg.Redemptions())) > 0 {
		return wire.Failed(wire.CodeClaimedCodes, "A promotion with claimed codes cannot be deleted")
	}
	p.Deleted = true
	return wire.Empty()
}

// maxGenerated is the maximum number of codes of one request.
const maxGenerated = 10_000

// generate adds codes. It answers the promotion, not the codes.
func (c *Catalogue) generate(r *http.Request, p *Promotion) wire.Answer {
	code, prefix, now := r.Form.Get("fixed_promotion_code"), r.Form.Get("promotion_code_prefix"), c.cfg.Now().Unix()
	switch {
	case code != "" && prefix != "":
		return wire.Failed(wire.CodeFixedAndPrefix, "Fixed code and prefix exclude each other")
	case code != "":
		p.FixedCode, p.Prefix = &code, nil
		p.addCode(code, "", now)
	default:
		amount, ok := wire.Number(r, "amount", 1)
		if !ok || amount > maxGenerated {
			return wire.Invalid("amount", "must be a number from 1 to "+strconv.Itoa(maxGenerated))
		}
		p.FixedCode, p.Prefix = nil, &prefix
		p.generate(prefix, amount, now)
	}
	return c.answer(p)
}

func (c *Catalogue) addDiscount(r *http.Request, p *Promotion) wire.Answer {
	d, a, ok := discountOf(r)
	if !ok {
		return a
	}
	if slices.ContainsFunc(p.FixedDiscounts, func(one FixedDiscount) bool { return one.Currency == d.Currency }) {
		return wire.Failed(wire.CodeCurrencyTaken, "The promotion has a discount in this currency")
	}
	d.ID = c.nextDiscount()
	p.FixedDiscounts = append(p.FixedDiscounts, d)
	return wire.Succeeded("PromotionFixedDiscount", d)
}

func (c *Catalogue) updateDiscount(r *http.Request) wire.Answer {
	p, at := c.discount(r.Form.Get("fixed_discount_id"))
	if p == nil {
		return wire.Failed(wire.CodeNotFound, "Fixed discount not found")
	}
	d, a, ok := discountOf(r)
	if !ok {
		return a
	}
	d.ID = p.FixedDiscounts[at].ID
	p.FixedDiscounts[at] = d
	return wire.Succeeded("PromotionFixedDiscount", d)
}

func (c *Catalogue) removeDiscount(r *http.Request) wire.Answer {
	p, at := c.discount(r.Form.Get("fixed_discount_id"))
	if p == nil {
		return wire.Failed(wire.CodeNotFound, "Fixed discount not found")
	}
	p.FixedDiscounts = slices.Delete(p.FixedDiscounts, at, at+1)
	return wire.Empty()
}

// discount returns the promotion that has a fixed discount, and the discount's place.
func (c *Catalogue) discount(id string) (*Promotion, int) {
	for _, p := range c.promotions {
		if at := slices.IndexFunc(p.FixedDiscounts, func(d FixedDiscount) bool { return d.ID == id }); at >= 0 && !p.Deleted {
			return p, at
		}
	}
	return nil, 0
}

func discountOf(r *http.Request) (d FixedDiscount, a wire.Answer, ok bool) {
	amount, err := strconv.ParseFloat(r.Form.Get("amount"), 64)
	if err != nil || !(amount > 0 && amount < 1_000_000) {
		return d, wire.Failed(wire.CodeBadFixedAmount, "The amount of the discount is invalid"), false
	}
	d.Currency = strings.TrimSpace(r.Form.Get("currency"))
	switch {
	case !isISO4217(d.Currency):
		return d, wire.Failed(wire.CodeInvalidCurrency, "The currency of the discount is invalid"), false
	case !slices.Contains(appCurrencies, d.Currency):
		return d, wire.Failed(wire.CodeForeignCurrency, "The application does not have this currency"), false
	}
	d.Value = wire.Amount(schemas.Decimal4(amount*10_000 + 0.5))
	d.Amount = d.Value.String()
	return d, a, true
}
