package pianoapi

import (
	"context"

	"github.com/pianola/pianola/internal/sandbox/pianoapi/promo"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
	"github.com/pianola/pianola/schemas"
)

// Order is what a user has bought in the checkout.
type Order struct {
	UserID string
	TermID string
	Use    promo.Use
	Charge schemas.Decimal4 // of the first period; later ones have the price of the term
}

// Order starts a subscription and returns its id. Its event is Created.
func (p *Publisher) Order(ctx context.Context, o Order) (id string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cfg.Produce == nil {
		return "", &wire.Error{Code: wire.CodeAccess, Message: "This publisher is read only"}
	}
	owned := p.store.byUser[o.UserID]
	if o.UserID == "" || len(owned) == 0 {
		return "", &wire.Error{Code: wire.CodeNoUser, Message: "User not found"}
	}
	kind, product, ok := p.term(o.TermID)
	if !ok {
		return "", &wire.Error{Code: wire.CodeNoTerm, Message: "Term not found"}
	}
	d := p.build.subscribe(owned[0].user, owned[0].country, kind, product, false)
	created := &d.steps[0]
	created.fact.Value.Decimal4 = o.Charge
	created.r.use = &o.Use
	return created.r.id, p.doNow(ctx, d)
}

// term returns the term type and the product of a term that has events.
func (p *Publisher) term(id string) (kind string, product int, ok bool) {
	for _, kind := range []string{"payment", "dynamic"} {
		for i := range p.terms {
			if termID(kind, i) == id {
				return kind, i, true
			}
		}
	}
	return "", 0, false
}

// PriceOf returns the price of a term that has events, for one period.
func (p *Publisher) PriceOf(term string) (price wire.Amount, currency string, ok bool) {
	_, product, ok := p.term(term)
	if !ok {
		return 0, "", false
	}
	return wire.Amount(p.terms[product].Price), p.terms[product].Currency, true
}
