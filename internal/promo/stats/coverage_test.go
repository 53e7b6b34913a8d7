package stats

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// draws are enough that a coverage of 95 % is between 93.5 and 96.5 but for one seed in
// thousands. The seed is fixed.
const draws = 3000

func binomial(r *rand.Rand, n int, p float64) Proportion {
	hits := uint64(0)
	for range n {
		if r.Float64() < p {
			hits++
		}
	}
	return Proportion{hits, uint64(n)}
}

func covers(t *testing.T, name string, contains func(*rand.Rand) bool) {
	t.Helper()
	r := rand.New(rand.NewPCG(13, 5))
	hits := 0
	for range draws {
		if contains(r) {
			hits++
		}
	}
	if share := float64(hits) / draws; share < 0.935 || share > 0.975 {
		t.Errorf("%s: %.3f of the intervals of 95 %% contain the true value", name, share)
	}
}

func TestCoverage(t *testing.T) {
	covers(t, "Wilson", func(r *rand.Rand) bool { return contains(Wilson(binomial(r, 200, 0.06), 0.95), 0.06) })
	covers(t, "Newcombe", func(r *rand.Rand) bool {
		return contains(Newcombe(binomial(r, 200, 0.05), binomial(r, 150, 0.1), 0.95), 0.05)
	})
	covers(t, "Welch with many zeros", func(r *rand.Rand) bool {
		money := func(n int, share, price float64) Sample {
			values := make([]float64, n)
			for i := range values {
				if r.Float64() < share {
					values[i] = price * (0.5 + r.Float64())
				}
			}
			return sampleOf(values)
		}
		d, ok := Welch(money(150, 0.2, 10), money(200, 0.3, 8), 0.95)
		return ok && contains(d.Interval, 0.3*8-0.2*10)
	})
	covers(t, "no difference, no result", func(r *rand.Rand) bool {
		return TwoProportions(binomial(r, 200, 0.1), binomial(r, 200, 0.1)) > 0.05
	})
}

func TestProperties(t *testing.T) {
	proportion := func(r *rapid.T, name string) Proportion {
		n := rapid.Uint64Range(1, 1_000_000).Draw(r, name)
		return Proportion{rapid.Uint64Range(0, n).Draw(r, name+" successes"), n}
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := proportion(r, "a"), proportion(r, "b")
		w := Wilson(a, 0.95)
		if w.Low < 0 || w.High > 1 || !contains(w, a.Rate()) {
			r.Errorf("Wilson of %v is %v", a, w)
		}
		d, reverse := Newcombe(a, b, 0.95), Newcombe(b, a, 0.95)
		if d.Low < -1-1e-9 || d.High > 1+1e-9 || !contains(d, b.Rate()-a.Rate()) {
			r.Errorf("Newcombe of %v and %v is %v", a, b, d)
		}
		if diff := d.Low + reverse.High; diff > 1e-9 || diff < -1e-9 {
			r.Errorf("the reverse of %v is %v", d, reverse)
		}
		if p := TwoProportions(a, b); p < 0 || p > 1 {
			r.Errorf("p is %v", p)
		}
		all := rapid.SliceOfN(rapid.Float64Range(0, 1), 1, 8).Draw(r, "p")
		for i, corrected := range Holm(all) {
			if corrected < all[i] || corrected > 1 {
				r.Errorf("Holm of %v is %v", all[i], corrected)
			}
		}
	})
}

// contains reports whether v is in the interval.
func contains(i Interval, v float64) bool { return i.Low <= v && v <= i.High }

// sampleOf is the sample of values.
func sampleOf(values []float64) Sample {
	s := Sample{N: uint64(len(values))}
	squares := 0.0
	for i, v := range values { // Welford
		step := v - s.Mean
		s.Mean += step / float64(i+1)
		squares += step * (v - s.Mean)
	}
	if s.N > 1 {
		s.Variance = squares / float64(s.N-1)
	}
	return s
}
