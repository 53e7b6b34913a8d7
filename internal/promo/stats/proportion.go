package stats

import "math"

// Interval is from Low to High, both included.
type Interval struct {
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Proportion is how many of a number of people did something.
type Proportion struct{ Successes, Total uint64 }

// Rate is the share; NaN of nobody.
func (p Proportion) Rate() float64 { return float64(p.Successes) / float64(p.Total) }

// Wilson is the score interval of a proportion. It stays within 0 and 1, and is right for
// small numbers and for rates near 0. Of nobody it is everything.
func Wilson(p Proportion, confidence float64) Interval {
	if p.Total == 0 {
		return Interval{0, 1}
	}
	z := normalQuantile((1 + confidence) / 2)
	n, rate := float64(p.Total), p.Rate()
	centre := rate + z*z/(2*n)
	spread := z * math.Sqrt(rate*(1-rate)/n+z*z/(4*n*n))
	scale := 1 + z*z/n
	interval := Interval{max(0, (centre-spread)/scale), min(1, (centre+spread)/scale)}
	// Exact at the ends, where rounding would leave a rest.
	if p.Successes == 0 {
		interval.Low = 0
	}
	if p.Successes == p.Total {
		interval.High = 1
	}
	return interval
}

// Newcombe is the interval of the difference of two proportions, second minus first, from
// their Wilson intervals (Newcombe's method 10).
func Newcombe(first, second Proportion, confidence float64) Interval {
	if first.Total == 0 || second.Total == 0 {
		return Interval{-1, 1}
	}
	a, b := Wilson(first, confidence), Wilson(second, confidence)
	difference := second.Rate() - first.Rate()
	return Interval{
		difference - math.Hypot(second.Rate()-b.Low, a.High-first.Rate()),
		difference + math.Hypot(b.High-second.Rate(), first.Rate()-a.Low),
	}
}

// TwoProportions is the p-value of the two-sided test that two proportions are equal, with
// the pooled variance. It is 1 where nothing can differ.
func TwoProportions(first, second Proportion) float64 {
	if first.Total == 0 || second.Total == 0 {
		return 1
	}
	n1, n2 := float64(first.Total), float64(second.Total)
	pooled := float64(first.Successes+second.Successes) / (n1 + n2)
	variance := pooled * (1 - pooled) * (1/n1 + 1/n2)
	if variance == 0 {
		return 1
	}
	return normalTwoSided((second.Rate() - first.Rate()) / math.Sqrt(variance))
}
