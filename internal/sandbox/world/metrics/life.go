package metrics

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Basis is the source of a subscription's price.
type Basis string

// The values of Basis.
const (
	Charged Basis = "charged"
	List    Basis = "list"
	NoBasis Basis = "none"
)

// life is one subscription with its states at every edge.
type life struct {
	sub        *Subscription
	customer   Customer
	currency   string
	list       listPrice
	events     []Event // before the moment of the figures, in order
	firstEvent func(id string) (schemas.Millis, bool)
	steps      []step
	final      state // at the moment of the figures
	views      []view
}

// listPrice is what a snapshot knows about the price.
type listPrice struct {
	price  schemas.NullDecimal4
	length span // of the period that it is for
	period span // of the snapshot itself
}

// view is what figures need of a state. It holds for edges in [from, the next view's
// from).
type view struct {
	from schemas.Millis

	live, counts, typeKnown bool
	partial                 bool // no Created
	inTrial, failing        bool
	overdue, changePending  bool
	autoRenewOff            bool
	basis                   Basis
	mrr                     schemas.Decimal4
}

// current reports whether it is live and has a term type that counts.
func (v *view) current() bool { return v.live && v.counts }

// newLife sorts the events and computes the states. It returns nil without an event
// before the moment of the figures.
func newLife(sub *Subscription, asOf schemas.Millis, firstEvent func(string) (schemas.Millis, bool)) *life {
	l := &life{sub: sub, firstEvent: firstEvent}
	l.events = slices.DeleteFunc(slices.Clone(sub.Events), func(e Event) bool { return e.At >= asOf })
	if len(l.events) == 0 {
		return nil
	}
	slices.SortFunc(l.events, compareEvents)
	l.customer = Customer{Subscription: sub.ID}
	for _, e := range l.events {
		if e.UserID != "" {
			l.customer = Customer{User: e.UserID}
		}
	}
	p := parsePlan(sub.Snapshot.Plan)
	l.currency = cmp.Or(sub.Snapshot.Currency, p.currency, UnknownCurrency)
	l.list = listPrice{price: sub.Snapshot.Price, length: parseSpan(cmp.Or(sub.Snapshot.Period, p.period)), period: parseSpan(sub.Snapshot.Period)}
	if !l.list.price.Valid {
		l.list.price = p.price
	}
	l.final = l.fold(asOf, func(s step) { l.steps = append(l.steps, s) })
	for _, edge := range l.edges(asOf) {
		s := l.fold(edge, nil)
		v := l.view(&s, edge)
		if n := len(l.views); n > 0 && l.views[n-1].equal(v) {
			continue
		}
		l.views = append(l.views, v)
	}
	return l
}

// edges returns the first edge of every possible change: an instant belongs to the
// edges after it.
func (l *life) edges(asOf schemas.Millis) []schemas.Millis {
	var out []schemas.Millis
	after := func(m schemas.Millis) {
		if m < asOf {
			out = append(out, m+1)
		}
	}
	for _, e := range l.events {
		after(e.At)
		if e.TrialEndsAt.Valid {
			after(e.TrialEndsAt.Millis)
		}
		if e.NextBilledAt.Valid {
			after(e.NextBilledAt.Millis + overdueAfter)
		}
		if first, ok := l.firstEvent(e.ChangeTo); ok {
			after(first)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (l *life) view(s *state, edge schemas.Millis) view {
	v := view{
		from: edge, live: s.live(), counts: s.counts(), typeKnown: s.termType != "", partial: !s.created,
		inTrial: s.live() && s.inTrialAt(edge), failing: s.status == failAndRetry, overdue: s.overdueAt(edge),
		changePending: s.live() && s.changeTo != "", autoRenewOff: s.live() && s.autoRenewKnown && !s.autoRenewOn,
	}
	price, length := s.price, parseSpan(s.pricePeriod)
	v.basis = Charged
	if !price.Valid {
		v.basis, price, length = List, l.list.price, l.list.length
	}
	if length == (span{}) {
		length = parseSpan(s.period)
	}
	if v.basis == Charged && length == (span{}) {
		length = l.list.period
	}
	if !price.Valid || price.Decimal4 < 0 || length == (span{}) {
		v.basis = NoBasis
		return v
	}
	// The list price of a trial that has not been paid since is no revenue yet.
	unpaid := v.basis == List && (s.hadTrial || s.trialEnded) && !s.paidAfterTrial
	if v.current() && !v.inTrial && !unpaid {
		v.mrr = length.monthly(price.Decimal4)
	}
	return v
}

func (v view) equal(o view) bool {
	o.from = v.from
	return v == o
}

// countsAt reports whether its term counts after all events of an instant.
func (l *life) countsAt(instant schemas.Millis) bool {
	v := l.at(instant + 1)
	return v.counts
}

// mrrAt returns its MRR at an edge.
func (l *life) mrrAt(edge schemas.Millis) schemas.Decimal4 {
	v := l.at(edge)
	return v.mrr
}

// at returns the view at an edge. Before the first event it is empty.
func (l *life) at(edge schemas.Millis) view {
	i, found := slices.BinarySearchFunc(l.views, edge, func(v view, e schemas.Millis) int { return cmp.Compare(v.from, e) })
	if !found {
		i--
	}
	if i < 0 {
		return view{}
	}
	return l.views[i]
}
