package metrics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Sales is the money of one month and currency. Refunds is negative or zero.
type Sales struct {
	Month       string
	Currency    string
	Charges     schemas.Decimal4
	Refunds     schemas.Decimal4
	ChargeCount int
	RefundCount int
	Complete    bool
}

// Revenue is a part of Sales, by what was sold. A text is empty if it is not known. There
// is no row without a charge or refund.
type Revenue struct {
	Month       string
	Currency    string
	Term        string // term_name
	Resource    string
	Country     string
	Experience  string
	Charges     schemas.Decimal4
	Refunds     schemas.Decimal4
	ChargeCount int
	RefundCount int
}

// payment is a charge, or a refund if negative.
type payment struct {
	at    schemas.Millis
	value schemas.Decimal4
	state state // after the event
}

// payments returns what counts as revenue of a subscription, while its term counts.
func (l *life) payments() []payment {
	var out []payment
	for _, s := range l.steps {
		if s.event == nil || !s.event.Value.Valid || s.event.Value.Decimal4 == 0 || s.event.Action == schemas.PaymentFailed {
			continue
		}
		if l.countsAt(s.at) && !l.standsTwice(s.event) {
			out = append(out, payment{at: s.at, value: s.event.Value.Decimal4, state: s.after})
		}
	}
	return out
}

// standsTwice reports whether the same charge is on another event of the instant, which
// counts instead.
func (l *life) standsTwice(e *Event) bool {
	other := map[string]string{schemas.TrialEnded: schemas.Renewed, schemas.Created: schemas.TrialStarted}[e.Action]
	return other != "" && slices.ContainsFunc(l.events, func(o Event) bool {
		return o.Action == other && o.At == e.At && o.Value == e.Value
	})
}

func (b *book) revenue() ([]Sales, []Revenue) {
	sales, row := perMonth(b, func(m interval, c string) Sales { return Sales{Month: m.label, Currency: c, Complete: m.complete} })
	parts := map[Revenue]*Revenue{} // by the texts
	for _, l := range b.lives {
		for _, p := range l.payments() {
			month := position(b.months, p.at)
			key := Revenue{
				Month: b.months[month].label, Currency: l.currency, Term: p.state.termName, Resource: p.state.resource,
				Country: p.state.country, Experience: p.state.experience,
			}
			if parts[key] == nil {
				part := key
				parts[key] = &part
			}
			total, part := row(month, l.currency), parts[key]
			if p.value > 0 {
				total.Charges, total.ChargeCount = total.Charges+p.value, total.ChargeCount+1
				part.Charges, part.ChargeCount = part.Charges+p.value, part.ChargeCount+1
			} else {
				total.Refunds, total.RefundCount = total.Refunds+p.value, total.RefundCount+1
				part.Refunds, part.RefundCount = part.Refunds+p.value, part.RefundCount+1
			}
		}
	}
	keys := slices.SortedFunc(maps.Keys(parts), func(x, y Revenue) int {
		return cmp.Or(cmp.Compare(x.Month, y.Month), cmp.Compare(x.Currency, y.Currency), cmp.Compare(x.Term, y.Term),
			cmp.Compare(x.Resource, y.Resource), cmp.Compare(x.Country, y.Country), cmp.Compare(x.Experience, y.Experience))
	})
	revenue := make([]Revenue, len(keys))
	for i, k := range keys {
		revenue[i] = *parts[k]
	}
	return sales, revenue
}
