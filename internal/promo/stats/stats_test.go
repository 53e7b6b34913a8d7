package stats

import (
	"math"
	"testing"
)

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestWilson_PublishedExamples: R. G. Newcombe, "Two-sided confidence intervals for the
// single proportion", Statistics in Medicine 17 (1998), table I, method 3.
func TestWilson_PublishedExamples(t *testing.T) {
	for _, c := range []struct {
		p    Proportion
		want Interval
	}{
		{Proportion{81, 263}, Interval{0.2553, 0.3662}},
		{Proportion{15, 148}, Interval{0.0624, 0.1605}},
		{Proportion{0, 20}, Interval{0, 0.1611}},
		{Proportion{1, 29}, Interval{0.0061, 0.1718}},
	} {
		got := Wilson(c.p, 0.95)
		near(t, "low", got.Low, c.want.Low, 5e-5)
		near(t, "high", got.High, c.want.High, 5e-5)
	}
	if got := Wilson(Proportion{}, 0.95); got != (Interval{0, 1}) {
		t.Errorf("of nobody: %v", got)
	}
}

// TestNewcombe_PublishedExamples: R. G. Newcombe, "Interval estimation for the difference
// between independent proportions", Statistics in Medicine 17 (1998), table II, method 10.
// The paper's difference is first minus second.
func TestNewcombe_PublishedExamples(t *testing.T) {
	for _, c := range []struct {
		first, second Proportion
		want          Interval
	}{
		{Proportion{48, 80}, Proportion{56, 70}, Interval{0.0524, 0.3339}},
		{Proportion{3, 10}, Proportion{9, 10}, Interval{0.1705, 0.8090}},
		{Proportion{2, 7}, Proportion{6, 7}, Interval{0.0582, 0.8062}},
		{Proportion{0, 29}, Proportion{5, 56}, Interval{-0.0381, 0.1926}},
		{Proportion{0, 20}, Proportion{0, 10}, Interval{-0.1611, 0.2775}},
		{Proportion{0, 10}, Proportion{0, 10}, Interval{-0.2775, 0.2775}},
		{Proportion{0, 20}, Proportion{10, 10}, Interval{0.6791, 1}},
		{Proportion{0, 10}, Proportion{10, 10}, Interval{0.6075, 1}},
	} {
		got := Newcombe(c.first, c.second, 0.95)
		near(t, "low", got.Low, c.want.Low, 5e-5)
		near(t, "high", got.High, c.want.High, 5e-5)
	}
}

// TestWelch_PublishedExample: Student's sleep data (Biometrika 6, 1908), with the result
// that the manual of R shows for t.test(extra ~ group, data = sleep).
func TestWelch_PublishedExample(t *testing.T) {
	first := sampleOf([]float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2})
	second := sampleOf([]float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4})
	d, ok := Welch(first, second, 0.95)
	if !ok {
		t.Fatal("no result")
	}
	near(t, "difference", d.Mean, 1.58, 1e-9)
	near(t, "degrees", d.Degrees, 17.776, 5e-4)
	near(t, "p", d.P, 0.07939, 5e-6)
	near(t, "low", d.Interval.Low, -0.2054832, 5e-7)
	near(t, "high", d.Interval.High, 3.3654832, 5e-7)
	for name, few := range map[string]Sample{"one value": {N: 1, Mean: 3}, "nobody": {}} {
		if _, ok := Welch(few, second, 0.95); ok {
			t.Errorf("%s: there is a result", name)
		}
	}
	if _, ok := Welch(Sample{N: 5}, Sample{N: 5}, 0.95); ok {
		t.Error("nothing varies: there is a result")
	}
}

// TestSampleRatio_PublishedExample: Kohavi, Tang and Xu, "Trustworthy Online Controlled
// Experiments" (2020), chapter 3: 821,588 and 815,482 users, p = 1.8E-6.
func TestSampleRatio_PublishedExample(t *testing.T) {
	near(t, "p", SampleRatio([]uint64{821588, 815482}, []uint32{1, 1}).P, 1.8e-6, 5e-8)
	near(t, "as the weights say", SampleRatio([]uint64{100, 300}, []uint32{1, 3}).P, 1, 1e-12)
	near(t, "nobody", SampleRatio([]uint64{0, 0}, []uint32{1, 1}).P, 1, 0)
}

// TestChiSquare_PublishedValues: NIST/SEMATECH e-Handbook, section 1.3.6.7.4, upper
// critical values at 0.05 and 0.001.
func TestChiSquare_PublishedValues(t *testing.T) {
	for _, c := range []struct {
		x       float64
		degrees int
		want    float64
	}{{3.841, 1, 0.05}, {5.991, 2, 0.05}, {18.307, 10, 0.05}, {10.828, 1, 0.001}, {13.816, 2, 0.001}} {
		near(t, "upper tail", chiSquareUpper(c.x, c.degrees), c.want, c.want*1e-3)
	}
}

// TestStudent_PublishedValues: NIST/SEMATECH e-Handbook, section 1.3.6.7.2, critical values
// at 0.975.
func TestStudent_PublishedValues(t *testing.T) {
	for degrees, want := range map[float64]float64{1: 12.706, 2: 4.303, 5: 2.571, 10: 2.228, 30: 2.042, 100: 1.984} {
		near(t, "quantile", studentQuantile(0.95, degrees), want, 5e-4)
	}
}

// TestHolm_PublishedExample: S. Holm's procedure as p.adjust of R computes it; the four
// p-values are the example of the procedure's article in Wikipedia.
func TestHolm_PublishedExample(t *testing.T) {
	got := Holm([]float64{0.01, 0.04, 0.03, 0.005})
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		near(t, "corrected", got[i], want, 1e-12)
	}
	if got := Holm(nil); len(got) != 0 {
		t.Error(got)
	}
}

// TestSampleSize_PublishedExample: the manual of R, power.prop.test(p1 = .50, p2 = .75,
// power = .90), n = 76.7.
func TestSampleSize_PublishedExample(t *testing.T) {
	near(t, "people", people(Plan{0.50, 0.75, 0.05, 0.90, 1}), 76.7, 0.05)
	if a, b := SampleSize(Plan{0.50, 0.75, 0.05, 0.90, 1}); a != 77 || b != 77 {
		t.Error(a, b)
	}
	// Twice as many in the other arm need fewer in the control arm, and more together.
	a, b := SampleSize(Plan{0.05, 0.06, 0.05, 0.8, 2})
	equal, _ := SampleSize(Plan{0.05, 0.06, 0.05, 0.8, 1})
	if a >= equal || a+b <= 2*equal || b < 2*a-1 {
		t.Error(a, b, equal)
	}
	rise, ok := Detectable(Plan{Baseline: 0.05, Alpha: 0.05, Power: 0.8, Ratio: 1}, equal)
	if !ok {
		t.Fatal("no rise is detectable")
	}
	near(t, "detectable", rise, 0.01, 1e-4)
	if _, ok := Detectable(Plan{Baseline: 0.5, Alpha: 0.05, Power: 0.8, Ratio: 1}, 2); ok {
		t.Error("two people detect something")
	}
}

func TestPlan_Validate(t *testing.T) {
	if err := (Plan{0.1, 0.12, 0.05, 0.8, 1}).Validate(); err != nil {
		t.Error(err)
	}
	for _, p := range []Plan{{}, {0.1, 0.1, 0.05, 0.8, 1}, {0.1, 1, 0.05, 0.8, 1}, {0.1, 0.2, 0.7, 0.8, 1}, {0.1, 0.2, 0.05, 1, 1}, {0.1, 0.2, 0.05, 0.8, 0}} {
		if p.Validate() == nil {
			t.Errorf("%+v is valid", p)
		}
	}
}
