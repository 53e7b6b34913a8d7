package care

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Term is a term as the calls about terms write it.
type Term struct {
	pianoapi.Term
	Resource       pianoapi.Resource `json:"resource"`
	IsSubscription bool              `json:"payment_is_subscription,omitempty"`
	PromoCodes     bool              `json:"payment_allow_promo_codes,omitempty"`
	ForceAutoRenew bool              `json:"payment_force_auto_renew,omitempty"`
	NewCustomers   bool              `json:"payment_new_customers_only,omitempty"`
}

// terms are all terms of the application. They never change.
type terms struct {
	all  []Term
	ids  []string
	byID map[string]any
}

func newTerms(p *pianoapi.Publisher) terms {
	t := terms{byID: map[string]any{}}
	for i, one := range p.Terms() {
		paid := one.Type == "payment" || one.Type == "dynamic"
		term := Term{
			Term: one, Resource: pianoapi.Resources()[i%len(pianoapi.Resources())], IsSubscription: paid, PromoCodes: paid && i%4 != 3,
		}
		t.all, t.ids = append(t.all, term), append(t.ids, one.ID)
		t.byID[one.ID] = term
	}
	return t
}

func (t *terms) forPromotions() (ids []string, byID map[string]any) { return t.ids, t.byID }

func (t *terms) list(r *http.Request) wire.Answer {
	page, a, ok := wire.Paging(r, maxPage)
	if !ok {
		return a
	}
	by, ok := wire.OneOf(r, "order_by", "", "term_name", "resource_type", "resource_name")
	if !ok {
		return wire.Invalid("order_by", "is unknown")
	}
	include, exclude, text := wire.Texts(r, "include_type"), wire.Texts(r, "exclude_type"), strings.ToLower(r.Form.Get("q"))
	if kind := r.Form.Get("type"); kind != "" {
		include = append(include, kind)
	}
	all := slices.DeleteFunc(slices.Clone(t.all), func(one Term) bool {
		return len(include) > 0 && !slices.Contains(include, one.Type) || slices.Contains(exclude, one.Type) ||
			!strings.Contains(strings.ToLower(one.Name), text) || r.Form.Get("rid") != "" && one.Resource.ID != r.Form.Get("rid")
	})
	slices.SortStableFunc(all, func(x, y Term) int {
		switch by {
		case "term_name":
			return strings.Compare(x.Name, y.Name)
		case "resource_name":
			return cmp.Compare(x.Resource.Name, y.Resource.Name)
		default:
			return 0
		}
	})
	return wire.List("terms", all, page, wire.Same)
}

func (t *terms) get(r *http.Request) wire.Answer {
	if a, missing := wire.Missing(r, "term_id"); missing {
		return a
	}
	one, ok := t.byID[r.Form.Get("term_id")]
	if !ok {
		return wire.Failed(wire.CodeNoTerm, "Term not found")
	}
	return wire.Succeeded("term", one)
}
