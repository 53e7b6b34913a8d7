package stats

import (
	"errors"
	"math"
)

// Plan is the question that an experiment is to answer.
type Plan struct {
	// Baseline is the rate of the control arm.
	Baseline float64
	// Target is the rate of the other arm that must be found.
	Target float64
	// Alpha is the chance of a result where nothing differs, two-sided.
	Alpha float64
	// Power is the chance of a result where the rates are these.
	Power float64
	// Ratio is the size of the other arm ÷ the size of the control arm.
	Ratio float64
}

// Validate reports what is out of range.
func (p Plan) Validate() error {
	var errs []error
	check := func(ok bool, text string) {
		if !ok {
			errs = append(errs, errors.New(text))
		}
	}
	check(p.Baseline > 0 && p.Baseline < 1, "baseline: want a rate between 0 and 1")
	check(p.Target > 0 && p.Target < 1, "target: want a rate between 0 and 1")
	check(math.Abs(p.Target-p.Baseline) >= 1e-6, "target: is the baseline, so there is no difference to find")
	check(p.Alpha > 0 && p.Alpha < 0.5, "alpha: want a value above 0 and below 0.5")
	check(p.Power >= 0.5 && p.Power < 1, "power: want a value from 0.5 and below 1")
	check(p.Ratio >= 0.01 && p.Ratio <= 100, "ratio: want a value between 0.01 and 100")
	return errors.Join(errs...)
}

// SampleSize is how many people the control arm and the other arm need, by the normal
// approximation (Fleiss, without the continuity correction). The plan must be valid.
func SampleSize(p Plan) (control, other uint64) {
	n := people(p)
	return uint64(math.Ceil(n)), uint64(math.Ceil(n * p.Ratio))
}

func people(p Plan) float64 {
	pooled := (p.Baseline + p.Ratio*p.Target) / (1 + p.Ratio)
	a := normalQuantile(1-p.Alpha/2) * math.Sqrt((1+1/p.Ratio)*pooled*(1-pooled))
	b := normalQuantile(p.Power) * math.Sqrt(p.Baseline*(1-p.Baseline)+p.Target*(1-p.Target)/p.Ratio)
	difference := p.Target - p.Baseline
	return (a + b) * (a + b) / (difference * difference)
}

// Detectable is the smallest rise of the baseline that a control arm of this size finds.
// Target is ignored. ok is false where no rise below a rate of 1 can be found.
func Detectable(p Plan, control uint64) (rise float64, ok bool) {
	low, high := 1e-6, 1-p.Baseline-1e-6
	needs := func(rise float64) float64 {
		q := p
		q.Target = p.Baseline + rise
		return people(q)
	}
	if high <= low || needs(high) > float64(control) {
		return 0, false
	}
	for range 60 { // bisection: the number falls as the rise grows
		middle := (low + high) / 2
		if needs(middle) > float64(control) {
			low = middle
		} else {
			high = middle
		}
	}
	return high, true
}
