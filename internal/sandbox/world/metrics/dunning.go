package metrics

import (
	"cmp"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// The outcomes of dunning episodes. An open one still is in fail_and_retry.
const (
	Recovered Outcome = "recovered"
	Lost      Outcome = "lost"
	Changed   Outcome = "plan_change"
)

// Episode is one stay of a subscription in fail_and_retry.
type Episode struct {
	SubscriptionID string
	StartedAt      schemas.Millis // the first failure
	Customer       Customer
	Currency       string
	Failures       int
	MRR            schemas.Decimal4 // at its start
	Outcome        Outcome
	EndedAt        schemas.NullMillis
}

// DunningMonth is the episodes that started in a month.
type DunningMonth struct {
	Month     string
	Currency  string
	Episodes  int
	Recovered int
	Lost      int
	Changed   int
	Open      int
	// RecoveredWithin counts by the limits of RecoveryDays.
	RecoveredWithin [len(RecoveryDays)]int
	Immature        bool // one of its episodes is open
}

// RecoveryDays are the limits of DunningMonth.RecoveredWithin, in days of 24 hours.
var RecoveryDays = [...]int{7, 14, 30}

func (b *book) episodes() []Episode {
	var out []Episode
	for _, l := range b.lives {
		var open *Episode
		for _, s := range l.steps {
			if s.before.status != failAndRetry && s.after.status == failAndRetry && l.countsAt(s.at) {
				out = append(out, Episode{SubscriptionID: l.sub.ID, StartedAt: s.at, Customer: l.customer, Currency: l.currency, MRR: l.mrrAt(s.at + 1), Outcome: Open})
				open = &out[len(out)-1]
			}
			if open == nil {
				continue
			}
			if s.event != nil && s.event.Action == schemas.PaymentFailed {
				open.Failures++
			}
			if s.after.status == failAndRetry {
				continue
			}
			open.EndedAt = schemas.NullMillis{Millis: s.at, Valid: true}
			switch {
			case s.after.status == upgraded:
				open.Outcome = Changed
			case s.after.status.closed():
				open.Outcome = Lost
			default:
				open.Outcome = Recovered
			}
			open = nil
		}
	}
	slices.SortFunc(out, func(x, y Episode) int {
		return cmp.Or(cmp.Compare(x.SubscriptionID, y.SubscriptionID), cmp.Compare(x.StartedAt, y.StartedAt))
	})
	return out
}

func (b *book) dunning(episodes []Episode) []DunningMonth {
	rows, row := perMonth(b, func(m interval, c string) DunningMonth { return DunningMonth{Month: m.label, Currency: c} })
	for _, e := range episodes {
		r := row(position(b.months, e.StartedAt), e.Currency)
		r.Episodes++
		switch e.Outcome {
		case Recovered:
			r.Recovered++
			for i, n := range RecoveryDays {
				if e.EndedAt.Millis-e.StartedAt <= schemas.Millis(n)*dayMillis {
					r.RecoveredWithin[i]++
				}
			}
		case Lost:
			r.Lost++
		case Changed:
			r.Changed++
		default:
			r.Open++
			r.Immature = true
		}
	}
	return rows
}
