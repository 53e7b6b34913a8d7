package pianoapi

import (
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// foreignTerms are the term types without events. Only the API has them.
var foreignTerms = []string{"registration", "newsletter", "adview", "external", "custom", "grant_access", "gift",
	"specific_email_addresses_contract", "email_domain_contract", "ip_range_contract", "linked"}

// addForeign adds subscriptions of these term types.
func (p *Publisher) addForeign(n int, w *world.World) {
	begin, end := w.Config().Start.UnixMilli(), w.Config().End.UnixMilli()
	for i := range n {
		at := schemas.Millis(begin + p.dice.Int64N(end-begin))
		r := &record{
			index: -1, id: fmt.Sprintf("RCI%07d", i), user: inventedPerson("reader", i), term: foreignTerms[i%len(foreignTerms)],
			product: p.dice.IntN(len(p.terms)), resource: "Free articles", begun: at,
			fixed: &account{status: "active", startedAt: at},
		}
		r.fixed.uid, r.fixed.term = r.user.uid, r.term
		if p.dice.IntN(4) == 0 {
			r.fixed.status, r.fixed.endsAt = "expired", schemas.NullMillis{Millis: at + 30*day, Valid: true}
		}
		p.add(r, nil)
	}
}

// accountWithoutRows returns the account of a subscription without rows: its last
// event is older than the stream, or its user is internal.
func (p *Publisher) accountWithoutRows(k world.Known) *account {
	a := &account{
		uid: k.UserID, status: "active", autoRenew: true, startedAt: k.BeganAt, term: k.Term,
		months: k.Product.Months, price: schemas.NullDecimal4{Decimal4: k.Product.Price, Valid: true}, charges: 1,
	}
	if !k.Filtered && p.dice.IntN(3) > 0 {
		a.status = []string{"expired", "cancelled", "expired_with_error", "deleted"}[p.dice.IntN(4)]
		a.autoRenew = false
		a.endsAt = schemas.NullMillis{Millis: k.BeganAt + 30*day, Valid: true}
	}
	return a
}
