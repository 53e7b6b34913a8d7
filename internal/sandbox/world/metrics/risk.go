package metrics

import "github.com/pianola/pianola/schemas"

// AtRisk is a live subscription of a term that counts, for which one of the marks is set
// at the moment of the figures.
type AtRisk struct {
	SubscriptionID string
	Customer       Customer
	Currency       string
	AutoRenewOff   bool
	Failing        bool
	Overdue        bool
	InTrial        bool
	TrialEndsAt    schemas.NullMillis // of one in trial
	PeriodEndsAt   schemas.NullMillis
	MRR            schemas.Decimal4
}

func (b *book) atRisk() []AtRisk {
	var out []AtRisk
	for _, l := range b.lives {
		v := l.at(b.asOf)
		if !v.current() || !v.autoRenewOff && !v.failing && !v.overdue && !v.inTrial {
			continue
		}
		r := AtRisk{
			SubscriptionID: l.sub.ID, Customer: l.customer, Currency: l.currency, AutoRenewOff: v.autoRenewOff, Failing: v.failing,
			Overdue: v.overdue, InTrial: v.inTrial, PeriodEndsAt: l.final.periodEndsAt, MRR: v.mrr,
		}
		if v.inTrial {
			r.TrialEndsAt = l.final.trialEndsAt
		}
		out = append(out, r)
	}
	return out
}
