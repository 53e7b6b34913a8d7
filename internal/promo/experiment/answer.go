package experiment

import (
	"fmt"

	"github.com/pianola/pianola/internal/promo/stats"
)

// question is one outcome of all arms, the control arm first.
type question struct {
	days   uint32
	alpha  float64
	people []stats.Proportion // of those due
}

// answer decides whether there is a result, and computes it.
func (q question) answer(r *Report) Outcome {
	o := Outcome{Verdict: Result, Days: q.days}
	for i, arm := range r.Arms {
		o.Arms = append(o.Arms, OutcomeArm{Arm: arm.Name, Due: q.people[i].Total, NotYetDue: arm.Assigned - q.people[i].Total, Planned: arm.Planned})
		if q.people[i].Total < arm.Planned && o.Verdict == Result {
			o.Verdict, o.Reason = NotEnough, fmt.Sprintf("arm %s has %d people due of %d planned", arm.Name, q.people[i].Total, arm.Planned)
		}
	}
	if r.SizeCheck.P < mismatchLevel {
		o.Verdict = Mismatch
		o.Reason = fmt.Sprintf("the sizes of the arms differ from their weights more than chance allows (chi-square %.1f, p %.2g): find out who is missing before you read a result", r.SizeCheck.ChiSquare, r.SizeCheck.P)
	}
	if o.Verdict != Result {
		return o
	}
	for i, p := range q.people {
		rate, interval := p.Rate(), stats.Wilson(p, confidence)
		o.Arms[i].Successes, o.Arms[i].Rate, o.Arms[i].Interval = &q.people[i].Successes, &rate, &interval
	}
	for i, p := range q.people[1:] {
		o.Rates = append(o.Rates, Comparison{
			Arm: r.Arms[i+1].Name, Difference: p.Rate() - q.people[0].Rate(),
			Interval: stats.Newcombe(q.people[0], p, confidence), P: stats.TwoProportions(q.people[0], p),
		})
	}
	correct(q.alpha, o.Rates, func(c *Comparison) *Comparison { return c })
	return o
}

// revenue compares the money for each assigned user, those without a charge included.
func (e *Experiment) revenue(people []stats.Proportion, sums []money, place map[string]int) []RevenueArms {
	byCurrency := map[string][]money{}
	var currencies []string // in the order of the rows
	for _, m := range sums {
		if byCurrency[m.currency] == nil {
			byCurrency[m.currency] = make([]money, len(e.Arms))
			currencies = append(currencies, m.currency)
		}
		byCurrency[m.currency][place[m.arm]] = m
	}
	var all []RevenueArms
	for _, currency := range currencies {
		control := sampleOf(people[0].Total, byCurrency[currency][0])
		for i := range e.Arms[1:] {
			other := sampleOf(people[i+1].Total, byCurrency[currency][i+1])
			c := Comparison{Arm: e.Arms[i+1].Name, Difference: other.Mean - control.Mean, P: 1}
			if d, ok := stats.Welch(control, other, confidence); ok {
				c.Interval, c.P = d.Interval, d.P
			}
			all = append(all, RevenueArms{Currency: currency, Control: control.Mean, Mean: other.Mean, Comparison: c})
		}
	}
	correct(e.Alpha, all, func(r *RevenueArms) *Comparison { return &r.Comparison })
	return all
}

// sampleOf is the sample of n users, some of them with charges.
func sampleOf(n uint64, m money) stats.Sample {
	s := stats.Sample{N: n}
	if n > 0 {
		s.Mean = m.sum / float64(n)
	}
	if n > 1 {
		s.Variance = max(0, m.squares-m.sum*s.Mean) / float64(n-1)
	}
	return s
}

// correct fills in the corrected p-values of comparisons, and whether they are significant.
func correct[T any](alpha float64, all []T, of func(*T) *Comparison) {
	p := make([]float64, len(all))
	for i := range all {
		p[i] = of(&all[i]).P
	}
	for i, corrected := range stats.Holm(p) {
		c := of(&all[i])
		c.Corrected, c.Significant = corrected, corrected < alpha
	}
}
