package promo

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// codesOf returns the codes of a promotion that the parameters state and q select.
func (c *Catalogue) codesOf(r *http.Request, p *Promotion) (all []Code, a wire.Answer, ok bool) {
	states := wire.Texts(r, "state")
	for _, s := range states {
		if State(s).label() == "" {
			return nil, wire.Invalid("state", "is unknown"), false
		}
	}
	text := strings.ToLower(r.Form.Get("q"))
	for _, one := range p.allCodes(c.cfg.Redemptions()) {
		if (len(states) == 0 || slices.Contains(states, string(one.StateValue))) && strings.Contains(strings.ToLower(one.Code), text) {
			all = append(all, one)
		}
	}
	return all, a, true
}

func (c *Catalogue) codeList(r *http.Request, p *Promotion) wire.Answer {
	page, a, ok := wire.Paging(r, c.cfg.MaxLimit)
	if !ok {
		return a
	}
	all, a, ok := c.codesOf(r, p)
	if !ok {
		return a
	}
	by, ok := wire.OneOf(r, "order_by", "promo_code_id", "pub_id", "promotion_id", "code", "assigned_email", "state", "reserve_date",
		"reserve_by", "create_date", "create_by", "update_date", "update_by", "deleted")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	direction, ok := wire.OneOf(r, "order_direction", "asc", "desc")
	if !ok {
		return wire.Invalid("order_direction", "is unknown")
	}
	slices.SortStableFunc(all, func(x, y Code) int {
		order := 0
		switch by {
		case "code":
			order = strings.Compare(x.Code, y.Code)
		case "state":
			order = cmp.Compare(x.StateValue, y.StateValue)
		case "create_date":
			order = cmp.Compare(x.CreateDate, y.CreateDate)
		case "update_date", "reserve_date":
			order = cmp.Compare(valueOr(x.UpdateDate, 0), valueOr(y.UpdateDate, 0))
		default:
			order = strings.Compare(x.ID, y.ID)
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
	return wire.List("promo_codes", all, page, wire.Same)
}

// codeCount answers in the key count instead of data.
func (c *Catalogue) codeCount(r *http.Request, p *Promotion) wire.Answer {
	all, a, ok := c.codesOf(r, p)
	if !ok {
		return a
	}
	return wire.Succeeded("count", len(all))
}

func (c *Catalogue) codeGet(r *http.Request) wire.Answer {
	if a, missing := wire.Missing(r, "promo_code_id"); missing {
		return a
	}
	redeemed := c.cfg.Redemptions()
	for _, p := range c.promotions {
		for _, one := range p.allCodes(redeemed) {
			if one.ID == r.Form.Get("promo_code_id") && !p.Deleted {
				return wire.Succeeded("promo_code", one)
			}
		}
	}
	return wire.Failed(wire.CodeNotFound, "Promo code not found")
}

func (c *Catalogue) createCode(r *http.Request, p *Promotion) wire.Answer {
	if a, missing := wire.Missing(r, "code"); missing {
		return a
	}
	if !p.Unlimited && p.UsesAllowed != nil && len(p.codes)+len(p.claims(c.cfg.Redemptions())) >= *p.UsesAllowed {
		return wire.Failed(wire.CodeLimitReached, "The limit of the promotion is used up")
	}
	one := p.addCode(r.Form.Get("code"), "", c.cfg.Now().Unix())
	return wire.Succeeded("PromoCode", one.shown(p))
}

func (c *Catalogue) updateCode(r *http.Request, p *Promotion) wire.Answer {
	if a, missing := wire.Missing(r, "promo_code_id", "code"); missing {
		return a
	}
	for _, one := range p.codes {
		if one.id == r.Form.Get("promo_code_id") {
			one.text, one.changed = r.Form.Get("code"), c.cfg.Now().Unix()
			return wire.Succeeded("promo_code", one.shown(p))
		}
	}
	return wire.Failed(wire.CodeNotFound, "Promo code not found")
}

// removeCodes deletes all codes of a list, or none.
func (c *Catalogue) removeCodes(r *http.Request, p *Promotion) wire.Answer {
	ids := wire.Texts(r, "promo_code_id")
	left := slices.DeleteFunc(slices.Clone(p.codes), func(one *code) bool { return slices.Contains(ids, one.id) })
	if len(ids) == 0 || len(left)+len(ids) != len(p.codes) {
		return wire.Failed(wire.CodeNotFound, "Promo code not found")
	}
	p.codes = left
	return wire.Empty()
}
