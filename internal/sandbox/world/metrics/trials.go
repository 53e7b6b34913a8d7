package metrics

import (
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Outcome is the result of a trial, a dunning episode or a plan change.
type Outcome string

// The outcomes of trials. An open trial has neither a charge nor an end.
const (
	Converted Outcome = "converted"
	Lapsed    Outcome = "lapsed"
	Open      Outcome = "open"
)

// TrialLife is the trial of one subscription.
type TrialLife struct {
	SubscriptionID string
	Customer       Customer
	Currency       string
	Cohort         string // month of its start
	StartedAt      schemas.Millis
	EndsAt         schemas.NullMillis
	Outcome        Outcome
	ConvertedAt    schemas.NullMillis
	// ConvertedBy is the subscription with the first charge. After a plan change it is
	// another one.
	ConvertedBy string
}

// TrialCohort is the trials that started in a month.
type TrialCohort struct {
	Month     string
	Currency  string
	Trials    int
	Converted int
	Lapsed    int
	Open      int
	Immature  bool // an open trial is less than 30 days past its end
}

// trialGrace is the number of days past its end in which a trial may still convert.
const trialGrace = 30

func (b *book) trials() []TrialLife {
	var out []TrialLife
	for _, l := range b.lives {
		start := slices.IndexFunc(l.steps, func(s step) bool { return !s.before.trialStartedAt.Valid && s.after.trialStartedAt.Valid })
		if start < 0 {
			continue
		}
		from := l.steps[start].at
		if !l.countsAt(from) {
			continue
		}
		t := TrialLife{
			SubscriptionID: l.sub.ID, Customer: l.customer, Currency: l.currency, StartedAt: from,
			Cohort: b.months[position(b.months, from)].label, EndsAt: l.final.trialEndsAt,
		}
		if ended := slices.IndexFunc(l.steps, isTrialEnded); !t.EndsAt.Valid && ended >= 0 {
			t.EndsAt = schemas.NullMillis{Millis: l.steps[ended].at, Valid: true}
		}
		steps := l.steps[start:]
		if slices.ContainsFunc(l.steps[:start], func(s step) bool { return s.after.status.closed() }) {
			// Only a charge before the subscription's first end converts.
			steps = slices.DeleteFunc(slices.Clone(steps), func(s step) bool { return s.converts(false) })
		}
		t.Outcome, t.ConvertedAt, t.ConvertedBy = b.firstCharge(l, steps, map[*life]bool{})
		out = append(out, t)
	}
	return out
}

func isTrialEnded(s step) bool { return s.event != nil && s.event.Action == schemas.TrialEnded }

// firstCharge finds the charge that converts a trial. It follows plan changes to the new
// subscription, whose first charge counts.
func (b *book) firstCharge(l *life, steps []step, followed map[*life]bool) (Outcome, schemas.NullMillis, string) {
	changed := len(followed) > 0
	followed[l] = true
	for _, s := range steps {
		if s.converts(changed) {
			return Converted, schemas.NullMillis{Millis: s.at, Valid: true}, l.sub.ID
		}
		if s.before.status.closed() || !s.after.status.closed() {
			continue
		}
		if s.after.status != upgraded {
			return Lapsed, schemas.NullMillis{}, ""
		}
		next := b.byID[s.before.changeTo]
		if next == nil || followed[next] {
			return Open, schemas.NullMillis{}, ""
		}
		since := slices.DeleteFunc(slices.Clone(next.steps), func(o step) bool { return o.at < s.after.endedAt.Millis })
		return b.firstCharge(next, since, followed)
	}
	return Open, schemas.NullMillis{}, ""
}

// converts reports whether an event is the first charge after a trial. For the
// subscription that a plan change leads to, the price on its Created is one.
func (s *step) converts(changed bool) bool {
	if s.event == nil || s.before.status == upgraded {
		return false
	}
	switch s.event.Action {
	case schemas.Renewed:
		return true
	case schemas.TrialEnded:
		return s.event.Value.Valid && s.event.Value.Decimal4 > 0
	case schemas.Created:
		return changed && !s.before.price.Valid && s.after.price.Valid && s.after.price.Decimal4 > 0
	default:
		return false
	}
}

func (b *book) trialCohorts(trials []TrialLife) []TrialCohort {
	rows, row := perMonth(b, func(m interval, c string) TrialCohort { return TrialCohort{Month: m.label, Currency: c} })
	for _, t := range trials {
		r := row(position(b.months, t.StartedAt), t.Currency)
		r.Trials++
		switch t.Outcome {
		case Converted:
			r.Converted++
		case Lapsed:
			r.Lapsed++
		default:
			r.Open++
			if !t.EndsAt.Valid || daysBetween(t.EndsAt.Millis, b.asOf, b.zone) < trialGrace {
				r.Immature = true
			}
		}
	}
	return rows
}
