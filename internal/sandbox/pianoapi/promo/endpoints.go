package promo

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Endpoints returns the calls about promotions and promo codes.
func (c *Catalogue) Endpoints() []wire.Endpoint {
	const base = "/publisher/promotion/"
	get, post := http.MethodGet, http.MethodPost
	all := []wire.Endpoint{
		wire.Get(base+"list", c.list),
		wire.Get(base+"get", c.one(c.get)),
		wire.Get(base+"count", c.count),
		wire.Post(base+"exists", c.one(c.exists)),
		wire.Get(base+"total", c.one(c.total)),
		wire.Changing(post, base+"create", c.create),
		wire.Changing(post, base+"update", c.one(c.update)),
		wire.Changing(post, base+"delete", c.one(c.remove)),
		wire.Changing(post, base+"generate", c.one(c.generate)),

		wire.Changing(get, base+"fixedDiscount/add", c.one(c.addDiscount)),
		wire.Changing(post, base+"fixedDiscount/update", c.updateDiscount),
		wire.Changing(post, base+"fixedDiscount/delete", c.removeDiscount),
		wire.Get(base+"term/list", c.one(c.termList)),
		wire.Changing(post, base+"term/add", c.one(c.addTerm)),
		wire.Changing(post, base+"term/delete", c.one(c.removeTerm)),

		wire.Get(base+"code/list", c.one(c.codeList)),
		wire.Get(base+"code/count", c.one(c.codeCount)),
		wire.Get(base+"code/get", c.codeGet),
		wire.Changing(get, base+"code/create", c.one(c.createCode)),
		wire.Changing(post, base+"code/update", c.one(c.updateCode)),
		wire.Changing(post, base+"code/delete", c.one(c.removeCodes)),
	}
	for i := range all {
		respond := all[i].Respond
		all[i].Respond = func(r *http.Request) wire.Answer {
			c.mu.Lock()
			defer c.mu.Unlock()
			return respond(r)
		}
	}
	return all
}

// one passes the promotion of a request to a call.
func (c *Catalogue) one(do func(*http.Request, *Promotion) wire.Answer) func(*http.Request) wire.Answer {
	return func(r *http.Request) wire.Answer {
		if a, missing := wire.Missing(r, "promotion_id"); missing {
			return a
		}
		p := c.find(r.Form.Get("promotion_id"))
		if p == nil {
			return wire.Failed(wire.CodeNotFound, "Promotion not found")
		}
		return do(r, p)
	}
}

// answer returns a promotion as it is now.
func (c *Catalogue) answer(p *Promotion) wire.Answer {
	return wire.Succeeded("promotion", c.shown(p, c.cfg.Redemptions()))
}

func (c *Catalogue) get(_ *http.Request, p *Promotion) wire.Answer { return c.answer(p) }

// selected returns the promotions that the parameters expired and q select.
func (c *Catalogue) selected(r *http.Request) (all []Promotion, a wire.Answer, ok bool) {
	which, ok := wire.OneOf(r, "expired", "active", "all", "not_started", "expired")
	if !ok {
		return nil, wire.Invalid("expired", "is unknown"), false
	}
	redeemed := c.cfg.Redemptions()
	text := strings.ToLower(r.Form.Get("q"))
	for _, p := range c.promotions {
		s := c.shown(p, redeemed)
		fits := which == "all" || which == s.Status || which == "not_started" && s.Status == "new"
		if fits && !s.Deleted && (strings.Contains(strings.ToLower(s.Name), text) || strings.Contains(strings.ToLower(s.codeText()), text)) {
			all = append(all, s)
		}
	}
	return all, a, true
}

// codeText is the fixed code or the prefix.
func (p *Promotion) codeText() string {
	switch {
	case p.FixedCode != nil:
		return *p.FixedCode
	case p.Prefix != nil:
		return *p.Prefix
	default:
		return ""
	}
}

func (c *Catalogue) list(r *http.Request) wire.Answer {
	page, a, ok := wire.Paging(r, c.cfg.MaxLimit)
	if !ok {
		return a
	}
	all, a, ok := c.selected(r)
	if !ok {
		return a
	}
	by, ok := wire.OneOf(r, "order_by", "", "name", "start_date", "end_date", "uses", "promotion_code")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	direction, ok := wire.OneOf(r, "order_direction", "asc", "desc")
	if !ok {
		return wire.Invalid("order_direction", "is unknown")
	}
	slices.SortStableFunc(all, func(x, y Promotion) int {
		order := 0
		switch by {
		case "name":
			order = strings.Compare(x.Name, y.Name)
		case "start_date":
			order = cmp.Compare(valueOr(x.StartDate, 0), valueOr(y.StartDate, 0))
		case "end_date":
			order = cmp.Compare(valueOr(x.EndDate, 1<<60), valueOr(y.EndDate, 1<<60))
		case "uses":
			order = cmp.Compare(x.Uses, y.Uses)
		case "promotion_code":
			order = strings.Compare(x.codeText(), y.codeText())
		}
		if direction == "desc" {
			return -order
		}
		return order
	})
	return wire.List("promotions", all, page, wire.Same)
}

func valueOr(v *int64, absent int64) int64 {
	if v == nil {
		return absent
	}
	return *v
}

func (c *Catalogue) count(r *http.Request) wire.Answer {
	all, a, ok := c.selected(r)
	if !ok {
		return a
	}
	return wire.Succeeded("data", len(all))
}

// exists reports whether a code of the promotion is assigned to an e-mail address.
func (c *Catalogue) exists(r *http.Request, p *Promotion) wire.Answer {
	if a, missing := wire.Missing(r, "email"); missing {
		return a
	}
	there := slices.ContainsFunc(p.codes, func(one *code) bool { return one.email != "" && strings.EqualFold(one.email, r.Form.Get("email")) })
	return wire.Succeeded("data", there)
}

// total returns the sales of a promotion in one currency, as a text.
func (c *Catalogue) total(r *http.Request, p *Promotion) wire.Answer {
	currency, _ := wire.OneOf(r, "currency_code", "USD")
	currency = cmp.Or(r.Form.Get("currency_code"), currency)
	if !isISO4217(currency) {
		return wire.Failed(wire.CodeNotISO4217, "Currency is not ISO 4217")
	}
	var sum wire.Amount
	for _, one := range p.claims(c.cfg.Redemptions()) {
		if one.State == Used && one.Currency == currency {
			sum += one.Sale
		}
	}
	return wire.Succeeded("data", sum.String())
}

// isISO4217 reports whether a text has the form of a currency code.
func isISO4217(code string) bool {
	return len(code) == 3 && strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

func (c *Catalogue) termList(_ *http.Request, p *Promotion) wire.Answer {
	_, byID := c.cfg.Terms()
	terms := []any{}
	for _, id := range p.terms {
		if t, ok := byID[id]; ok {
			terms = append(terms, t)
		}
	}
	return wire.Succeeded("terms", terms)
}

func (c *Catalogue) addTerm(r *http.Request, p *Promotion) wire.Answer {
	id := r.Form.Get("term_id")
	if _, byID := c.cfg.Terms(); byID[id] == nil {
		return wire.Failed(wire.CodeNoTerm, "Term not found")
	}
	if !slices.Contains(p.terms, id) {
		p.terms = append(p.terms, id)
	}
	return wire.Empty()
}

func (c *Catalogue) removeTerm(r *http.Request, p *Promotion) wire.Answer {
	at := slices.Index(p.terms, r.Form.Get("term_id"))
	if at < 0 {
		return wire.Failed(wire.CodeNoTerm, "Term not found")
	}
	p.terms = slices.Delete(p.terms, at, at+1)
	return wire.Empty()
}
