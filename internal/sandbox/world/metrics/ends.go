package metrics

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// EndKind is the cause of an end.
type EndKind string

// The kinds of ends. Churned MRR has one of the first three.
const (
	Voluntary   EndKind = "voluntary"
	Involuntary EndKind = "involuntary"
	Unknown     EndKind = "unknown"
	Trial       EndKind = "trial"
	PlanChange  EndKind = "plan_change"
)

// churn returns the kind as churned MRR has it.
func (k EndKind) churn() EndKind {
	if k == Voluntary || k == Involuntary {
		return k
	}
	return Unknown
}

// End is one end of a subscription of a term that counts. A subscription that was
// reopened may have several.
type End struct {
	SubscriptionID string
	EndedAt        schemas.Millis
	Customer       Customer
	Currency       string
	Kind           EndKind
	// MRRBefore is the MRR at the edge that EndedAt is.
	MRRBefore schemas.Decimal4
	// Paid reports that a price above zero was charged, or that it had MRR.
	Paid bool
	// LeftNone reports that no other live subscription of the customer counted after it.
	LeftNone bool
	// WonBackAt is the customer's return, and WonBackDays the days until then.
	WonBackAt   schemas.NullMillis
	WonBackDays int
}

// ends returns every end in the order of subscription and time.
func (b *book) ends() []End {
	var out []End
	for _, l := range b.lives {
		paid := false
		for _, s := range l.steps {
			paid = paid || s.after.price.Valid && s.after.price.Decimal4 > 0
			if s.before.status.closed() || !s.after.status.closed() {
				continue
			}
			when := s.after.endedAt.Millis
			if !l.countsAt(when) {
				continue
			}
			e := End{SubscriptionID: l.sub.ID, EndedAt: when, Customer: l.customer, Currency: l.currency, Kind: s.after.endKind(), MRRBefore: l.mrrAt(when)}
			e.Paid = paid || l.hadMRR(when)
			e.LeftNone = !slices.ContainsFunc(b.byOwner[l.customer], func(o *life) bool {
				v := o.at(when + 1)
				return v.current()
			})
			if e.Paid && e.LeftNone && e.Kind != PlanChange {
				e.WonBackAt = b.nextMRR(l.customer, when)
				if e.WonBackAt.Valid {
					e.WonBackDays = daysBetween(when, e.WonBackAt.Millis, b.zone)
				}
			}
			out = append(out, e)
		}
	}
	return out
}

// hadMRR reports whether it had MRR at an edge up to this one.
func (l *life) hadMRR(edge schemas.Millis) bool {
	return slices.ContainsFunc(l.views, func(v view) bool { return v.from <= edge && v.mrr > 0 })
}

// nextMRR returns the first instant after another at which a customer has MRR.
func (b *book) nextMRR(c Customer, after schemas.Millis) (first schemas.NullMillis) {
	for _, l := range b.byOwner[c] {
		for _, v := range l.views {
			instant := v.from - 1
			if instant > after && v.mrr > 0 {
				if !first.Valid || instant < first.Millis {
					first = schemas.NullMillis{Millis: instant, Valid: true}
				}
				break
			}
		}
	}
	return first
}

// lastEnds returns the churn kind of each customer's last end with MRR, by the index of
// its month. Of two at one instant the subscription with the greater id counts.
func (b *book) lastEnds(ends []End) map[Customer]map[int]EndKind {
	sorted := slices.SortedFunc(slices.Values(ends), func(x, y End) int {
		return cmp.Or(cmp.Compare(x.EndedAt, y.EndedAt), cmp.Compare(x.SubscriptionID, y.SubscriptionID))
	})
	out := map[Customer]map[int]EndKind{}
	for _, e := range sorted {
		if e.MRRBefore == 0 {
			continue
		}
		if out[e.Customer] == nil {
			out[e.Customer] = map[int]EndKind{}
		}
		out[e.Customer][position(b.months, e.EndedAt)] = e.Kind.churn()
	}
	return out
}
