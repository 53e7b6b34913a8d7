package experiment

import (
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/promo/stats"
)

// question is one outcome of all arms, the control arm first.
type question struct {
	days   uint32
	alpha  float64
	people []stats.Proportion // of those due
	money  []currencyMoney    // of the renewal
}

// currencyMoney is the revenue of all arms in one currency, the control arm first.
type currencyMoney struct {
	currency string
	arms     []money
}

// moneyOf groups rows by currency, in their order.
func moneyOf(rows []money, place map[string]int, arms int) (all []currencyMoney) {
	for _, m := range rows {
		i := slices.IndexFunc(all, func(c currencyMoney) bool { return c.currency == m.currency })
		if i < 0 {
			i, all = len(all), append(all, currencyMoney{m.currency, make([]money, arms)})
		}
		all[i].arms[place[m.arm]] = m
	}
	return all
}

// answer decides whether there is a result, and computes it.
func (q question) answer(r *Report) Outcome {
	o := Outcome{Verdict: Result, Days: q.days, Confidence: 1 - q.alpha}
	for i, arm := range r.Arms {
		o.Arms = append(o.Arms, OutcomeArm{Arm: arm.Name, Due: q.people[i].Total, NotYetDue: arm.Analysed - q.people[i].Total, Planned: arm.Planned})
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
		rate, interval := p.Rate(), stats.Wilson(p, o.Confidence)
		o.Arms[i].Successes, o.Arms[i].Rate, o.Arms[i].Interval = &q.people[i].Successes, &rate, &interval
	}
	q.compare(r, &o)
	return o
}

// compare compares each arm with the control arm: the rates, and the money for each assigned
// user, those without a charge included. All comparisons are one family: their p-values are
// corrected together, and their intervals share alpha.
func (q question) compare(r *Report, o *Outcome) {
	others := len(q.people) - 1
	o.ComparisonConfidence = 1 - q.alpha/float64(others*(1+len(q.money)))
	for i, p := range q.people[1:] {
		o.Rates = append(o.Rates, Comparison{
			Arm: r.Arms[i+1].Name, Difference: p.Rate() - q.people[0].Rate(),
			Interval: stats.Newcombe(q.people[0], p, o.ComparisonConfidence), P: stats.TwoProportions(q.people[0], p),
		})
	}
	for _, m := range q.money {
		control := sampleOf(q.people[0].Total, m.arms[0])
		for i := range others {
			other := sampleOf(q.people[i+1].Total, m.arms[i+1])
			c := Comparison{Arm: r.Arms[i+1].Name, Difference: other.Mean - control.Mean, P: 1}
			if d, ok := stats.Welch(control, other, o.ComparisonConfidence); ok {
				c.Interval, c.P = d.Interval, d.P
			}
			o.Revenue = append(o.Revenue, RevenueArms{Currency: m.currency, Control: control.Mean, Mean: other.Mean, Comparison: c})
		}
	}
	var family []*Comparison
	for i := range o.Rates {
		family = append(family, &o.Rates[i])
	}
	for i := range o.Revenue {
		family = append(family, &o.Revenue[i].Comparison)
	}
	p := make([]float64, len(family))
	for i, c := range family {
		p[i] = c.P
	}
	for i, corrected := range stats.Holm(p) {
		family[i].Corrected, family[i].Significant = corrected, corrected < q.alpha
	}
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
