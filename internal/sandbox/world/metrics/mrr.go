package metrics

import (
	"cmp"
	"maps"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// MovementKind is the kind of a movement of MRR.
type MovementKind string

// The kinds of movements.
const (
	New          MovementKind = "new"
	Discovered   MovementKind = "discovered"
	Reactivation MovementKind = "reactivation"
	Expansion    MovementKind = "expansion"
	Contraction  MovementKind = "contraction"
	Churn        MovementKind = "churn"
)

// Movement is the change of a customer's MRR from one month end to the next, in one
// currency. Amount is positive for every kind.
type Movement struct {
	Month    string
	Customer Customer
	Currency string
	Kind     MovementKind
	Churn    EndKind // of a churn only
	Amount   schemas.Decimal4
}

// MRR is a month in one currency: opening + new + discovered + reactivation + expansion
// − contraction − churn = closing.
type MRR struct {
	Month    string // 2026-01
	Currency string

	Opening      schemas.Decimal4
	New          schemas.Decimal4
	Discovered   schemas.Decimal4
	Reactivation schemas.Decimal4
	Expansion    schemas.Decimal4
	Contraction  schemas.Decimal4
	Churn        schemas.Decimal4
	Closing      schemas.Decimal4

	ChurnVoluntary   schemas.Decimal4
	ChurnInvoluntary schemas.Decimal4
	ChurnUnknown     schemas.Decimal4
	OverdueMRR       schemas.Decimal4 // part of Closing

	// Customers with MRR in this currency, and with a movement in it.
	OpeningCustomers     int
	NewCustomers         int
	DiscoveredCustomers  int
	ReactivatedCustomers int
	ExpandedCustomers    int
	ContractedCustomers  int
	ChurnedCustomers     int
	ClosingCustomers     int

	// ARPU is the closing MRR of a customer, without customers NULL. LTV is NULL without
	// churn in the last three complete months.
	ARPU schemas.NullDecimal4
	LTV  schemas.NullDecimal4

	Complete bool
}

// Customers counts customers with MRR in any currency: opening + new + discovered +
// reactivated − churned = closing.
type Customers struct {
	Month       string
	Opening     int
	New         int
	Discovered  int
	Reactivated int
	Churned     int
	Closing     int

	ChurnedVoluntary   int
	ChurnedInvoluntary int
	ChurnedUnknown     int
	Complete           bool
}

// sums are a customer's MRR by currency. A currency without MRR is absent.
type sums map[string]schemas.Decimal4

// mrrAt returns a customer's MRR at an edge, and whether a subscription without a Created
// contributes to it.
func (b *book) mrrAt(c Customer, edge schemas.Millis) (now sums, partial bool) {
	now = sums{}
	for _, l := range b.byOwner[c] {
		v := l.at(edge)
		if v.mrr > 0 {
			now[l.currency] += v.mrr
			partial = partial || v.partial
		}
	}
	return now, partial
}

// mrrMonths computes the tables of MRR, customers and movements.
func (b *book) mrrMonths(t *Tables) {
	rows, row := perMonth(b, func(m interval, c string) MRR { return MRR{Month: m.label, Currency: c, Complete: m.complete} })
	t.MRR = rows
	for _, m := range b.months {
		t.Customers = append(t.Customers, Customers{Month: m.label, Complete: m.complete})
	}
	kinds := b.lastEnds(t.Ends)
	for _, owner := range b.owners {
		before, ever := sums{}, false
		for i, m := range b.months {
			now, partial := b.mrrAt(owner, m.to)
			for _, move := range movements(before, now, ever, partial) {
				move.Month, move.Customer = m.label, owner
				if move.Kind == Churn {
					move.Churn = cmp.Or(kinds[owner][i], Unknown)
				}
				t.Movements = append(t.Movements, move)
				row(i, move.Currency).add(&move)
			}
			for currency, amount := range before {
				r := row(i, currency)
				r.Opening += amount
				r.OpeningCustomers++
			}
			for currency, amount := range now {
				r := row(i, currency)
				r.Closing += amount
				r.ClosingCustomers++
			}
			t.Customers[i].add(len(before) > 0, len(now) > 0, ever, partial, cmp.Or(kinds[owner][i], Unknown))
			ever = ever || len(now) > 0
			before = now
		}
	}
	for _, l := range b.lives {
		for i, m := range b.months {
			if v := l.at(m.to); v.overdue {
				row(i, l.currency).OverdueMRR += v.mrr
			}
		}
	}
	slices.SortFunc(t.Movements, func(x, y Movement) int {
		return cmp.Or(cmp.Compare(x.Month, y.Month), compareCustomers(x.Customer, y.Customer), cmp.Compare(x.Currency, y.Currency))
	})
	b.customerValue(t.MRR)
}

// movements compares two month ends of a customer. ever says that MRR was above zero at
// an earlier month end.
func movements(before, now sums, ever, partial bool) []Movement {
	var out []Movement
	add := func(kind MovementKind, currency string, amount schemas.Decimal4) {
		if amount != 0 {
			out = append(out, Movement{Currency: currency, Kind: kind, Amount: amount})
		}
	}
	all := maps.Clone(before)
	maps.Copy(all, now)
	for _, currency := range slices.Sorted(maps.Keys(all)) {
		grown := now[currency] - before[currency]
		switch {
		case len(before) == 0:
			add(arrival(ever, partial), currency, grown)
		case len(now) == 0:
			add(Churn, currency, -grown)
		case grown > 0:
			add(Expansion, currency, grown)
		default:
			add(Contraction, currency, -grown)
		}
	}
	return out
}

// arrival is the kind of MRR that rises from zero.
func arrival(ever, partial bool) MovementKind {
	switch {
	case ever:
		return Reactivation
	case partial:
		return Discovered
	default:
		return New
	}
}

func (r *MRR) add(m *Movement) {
	switch m.Kind {
	case New:
		r.New += m.Amount
		r.NewCustomers++
	case Discovered:
		r.Discovered += m.Amount
		r.DiscoveredCustomers++
	case Reactivation:
		r.Reactivation += m.Amount
		r.ReactivatedCustomers++
	case Expansion:
		r.Expansion += m.Amount
		r.ExpandedCustomers++
	case Contraction:
		r.Contraction += m.Amount
		r.ContractedCustomers++
	case Churn:
		r.Churn += m.Amount
		r.ChurnedCustomers++
		switch m.Churn {
		case Voluntary:
			r.ChurnVoluntary += m.Amount
		case Involuntary:
			r.ChurnInvoluntary += m.Amount
		default:
			r.ChurnUnknown += m.Amount
		}
	}
}

func (r *Customers) add(before, now, ever, partial bool, kind EndKind) {
	if before {
		r.Opening++
	}
	if now {
		r.Closing++
	}
	switch {
	case before && !now:
		r.Churned++
		switch kind {
		case Voluntary:
			r.ChurnedVoluntary++
		case Involuntary:
			r.ChurnedInvoluntary++
		default:
			r.ChurnedUnknown++
		}
	case now && !before:
		switch arrival(ever, partial) {
		case Reactivation:
			r.Reactivated++
		case Discovered:
			r.Discovered++
		default:
			r.New++
		}
	}
}
