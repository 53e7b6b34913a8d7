package stats

import (
	"cmp"
	"slices"
)

// Holm corrects p-values of several tests, so that the chance of one false result among
// all stays at the level. The order is that of the argument.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(p[a], p[b]) })
	corrected := make([]float64, len(p))
	highest := 0.0
	for rank, i := range order {
		highest = max(highest, min(1, p[i]*float64(len(p)-rank)))
		corrected[i] = highest
	}
	return corrected
}

// Mismatch is the result of the check of the sizes of arms.
type Mismatch struct {
	ChiSquare float64 `json:"chi_square"`
	P         float64 `json:"p"`
}

// SampleRatio compares the sizes of arms with their weights, which must be above 0. Nobody
// in any arm is no mismatch.
func SampleRatio(sizes []uint64, weights []uint32) Mismatch {
	var people, weight float64
	for i := range sizes {
		people += float64(sizes[i])
		weight += float64(weights[i])
	}
	if people == 0 || len(sizes) < 2 {
		return Mismatch{P: 1}
	}
	var m Mismatch
	for i := range sizes {
		expected := people * float64(weights[i]) / weight
		m.ChiSquare += (float64(sizes[i]) - expected) * (float64(sizes[i]) - expected) / expected
	}
	m.P = chiSquareUpper(m.ChiSquare, len(sizes)-1)
	return m
}
