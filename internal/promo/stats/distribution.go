package stats

import (
	"math"

	"gonum.org/v1/gonum/mathext"
)

// normalQuantile is the value below which a standard normal variable is with probability p.
func normalQuantile(p float64) float64 { return mathext.NormalQuantile(p) }

// normalTwoSided is the probability of |Z| >= |z|.
func normalTwoSided(z float64) float64 { return math.Erfc(math.Abs(z) / math.Sqrt2) }

// chiSquareUpper is the probability of a chi-square variable at or above x.
func chiSquareUpper(x float64, degrees int) float64 {
	return mathext.GammaIncRegComp(float64(degrees)/2, x/2)
}

// studentTwoSided is the probability of |T| >= |t|.
func studentTwoSided(t, degrees float64) float64 {
	return mathext.RegIncBeta(degrees/2, 0.5, degrees/(degrees+t*t))
}

// studentQuantile is the t with a probability of (1+confidence)/2 below it.
func studentQuantile(confidence, degrees float64) float64 {
	// The inverse of studentTwoSided.
	x := mathext.InvRegIncBeta(degrees/2, 0.5, 1-confidence)
	return math.Sqrt(degrees * (1 - x) / x)
}
