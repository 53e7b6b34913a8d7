package stats

import "math"

// Sample is what Welch's test needs of one arm.
type Sample struct {
	N        uint64
	Mean     float64
	Variance float64 // with N-1 in the denominator
}

// Difference is the result of Welch's test.
type Difference struct {
	Mean     float64  `json:"mean"` // second minus first
	Interval Interval `json:"interval"`
	P        float64  `json:"p"`
	Degrees  float64  `json:"degrees_of_freedom"`
}

// Welch compares two means whose variances may differ. ok is false with fewer than two
// values in an arm, or where no value varies.
func Welch(first, second Sample, confidence float64) (d Difference, ok bool) {
	d.Mean = second.Mean - first.Mean
	if first.N < 2 || second.N < 2 {
		return d, false
	}
	n1, n2 := float64(first.N), float64(second.N)
	v1, v2 := first.Variance/n1, second.Variance/n2
	if v1+v2 == 0 {
		return d, false
	}
	d.Degrees = (v1 + v2) * (v1 + v2) / (v1*v1/(n1-1) + v2*v2/(n2-1))
	deviation := math.Sqrt(v1 + v2)
	half := studentQuantile(confidence, d.Degrees) * deviation
	d.Interval = Interval{d.Mean - half, d.Mean + half}
	d.P = studentTwoSided(d.Mean/deviation, d.Degrees)
	return d, true
}
