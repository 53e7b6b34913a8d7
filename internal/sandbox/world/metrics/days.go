package metrics

import "github.com/pianola/pianola/schemas"

// Day counts the subscriptions at the end of a day, or at the moment of the figures.
// All but UnknownTerm are of terms that count.
type Day struct {
	Day      string // 2026-01-31
	Currency string

	Live          int
	InTrial       int
	Failing       int // in fail_and_retry
	Overdue       int
	AutoRenewOff  int
	ChangePending int
	Paying        int // with MRR
	ListPriced    int // the basis is list
	Unpriced      int // without a basis
	UnknownTerm   int // live, of an unknown term type

	MRR        schemas.Decimal4
	OverdueMRR schemas.Decimal4
	Complete   bool
}

func (b *book) subscriptionDays() []Day {
	column := map[string]int{}
	for i, c := range b.currencies {
		column[c] = i
	}
	out := make([]Day, 0, len(b.days)*len(b.currencies))
	for _, d := range b.days {
		for _, c := range b.currencies {
			out = append(out, Day{Day: d.label, Currency: c, Complete: d.complete})
		}
	}
	for _, l := range b.lives {
		for i, next := 0, 0; i < len(b.days); i++ {
			for next < len(l.views) && l.views[next].from <= b.days[i].to {
				next++
			}
			if next > 0 {
				out[i*len(b.currencies)+column[l.currency]].add(&l.views[next-1])
			}
		}
	}
	return out
}

func (d *Day) add(v *view) {
	if v.live && !v.typeKnown {
		d.UnknownTerm++
	}
	if !v.current() {
		return
	}
	d.Live++
	for _, c := range []struct {
		to *int
		is bool
	}{
		{&d.InTrial, v.inTrial}, {&d.Failing, v.failing}, {&d.Overdue, v.overdue}, {&d.AutoRenewOff, v.autoRenewOff},
		{&d.ChangePending, v.changePending}, {&d.Paying, v.mrr > 0}, {&d.ListPriced, v.basis == List}, {&d.Unpriced, v.basis == NoBasis},
	} {
		if c.is {
			*c.to++
		}
	}
	d.MRR += v.mrr
	if v.overdue {
		d.OverdueMRR += v.mrr
	}
}
