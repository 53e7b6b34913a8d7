package world

import (
	"iter"

	"github.com/pianola/pianola/schemas"
)

// States yields the state of every subscription with rows at a moment, in the order of
// their ids. It uses only the rows: events that were not stored have no effect.
func (tr *Truth) States(now schemas.Millis) iter.Seq[State] {
	return func(yield func(State) bool) {
		var facts []Fact
		for id, rows := range tr.subscriptions() {
			facts = facts[:0]
			for i := range rows {
				facts = append(facts, factOf(&rows[i]))
			}
			if !yield(StateOf(id, facts, now, tr.firstEvent)) {
				return
			}
		}
	}
}

func (tr *Truth) firstEvent(id string) schemas.NullMillis {
	sub, ok := tr.byID[id]
	if !ok {
		return schemas.NullMillis{}
	}
	return at(schemas.Millis(tr.firstAt[sub]))
}

func factOf(r *Row) Fact {
	return Fact{
		At: r.EventTimestamp, Action: string(r.SubscriptionAction), NextBilledAt: r.NextBilledAt, TrialEndsAt: r.TrialPeriodEndedAt,
		Value: r.TransactionValue, TermType: string(r.TermType), Period: string(r.BillingPeriod), ChangeTo: string(r.UpgradeToSubscriptionID),
	}
}
