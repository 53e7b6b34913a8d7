package experiment

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/promo/stats"
)

// offer is an experiment with two offers.
func offer(t testing.TB) *Experiment {
	t.Helper()
	e := &Experiment{
		ID: "winback", Segment: "ended?days=90", ConversionDays: 14, RenewalDays: 60, Baseline: 0.05, Target: 0.08, Alpha: 0.05, Power: 0.8,
		Arms: []Arm{{Name: "control", Weight: 2}, {Name: "half", Weight: 1, PromotionID: "PR1"}, {Name: "free", Weight: 1, PromotionID: "PR2"}},
	}
	if err := e.Prepare(); err != nil {
		t.Fatal(err)
	}
	e.salt = "000102030405060708090a0b0c0d0e0f"
	return e
}

func TestPrepare(t *testing.T) {
	e := offer(t)
	// Two comparisons share alpha, so each needs more people than one alone.
	alone, _ := stats.SampleSize(stats.Plan{Baseline: 0.05, Target: 0.08, Alpha: 0.05, Power: 0.8, Ratio: 0.5})
	if e.Arms[0].Planned <= alone || e.Arms[1].Planned != e.Arms[2].Planned || math.Abs(float64(e.Arms[0].Planned)-2*float64(e.Arms[1].Planned)) > 2 {
		t.Errorf("planned: %+v, alone %d", e.Arms, alone)
	}
	for want, change := range map[string]func(*Experiment){
		"the control arm has no promotion":     func(e *Experiment) { e.Arms[0].PromotionID = "PR1" },
		"want the id of its promotion":         func(e *Experiment) { e.Arms[1].PromotionID = "" },
		"its name is that of another arm":      func(e *Experiment) { e.Arms[1].Name = "control" },
		"its weight is between 1 and 1000":     func(e *Experiment) { e.Arms[1].Weight = 0 },
		"want a control arm and one to":        func(e *Experiment) { e.Arms = e.Arms[:1] },
		"name: want 1 to 63":                   func(e *Experiment) { e.ID = "Win Back" },
		"there is no such segment":             func(e *Experiment) { e.Segment = "nobody" },
		"renewal days: want more than":         func(e *Experiment) { e.RenewalDays = 14 },
		"is the baseline, so there is nothing": func(*Experiment) {},
	} {
		if strings.HasPrefix(want, "is the baseline") {
			want, change = "there is no difference to find", func(e *Experiment) { e.Target = e.Baseline }
		}
		e := offer(t)
		change(e)
		if err := e.Prepare(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// TestArmOf: who has an arm keeps it in every version of this program. Changing this test
// means that running experiments assign users again.
func TestArmOf(t *testing.T) {
	e := offer(t)
	var first strings.Builder
	for i := range 16 {
		fmt.Fprint(&first, e.ArmOf(fmt.Sprintf("user-%d", i)))
	}
	if got, want := first.String(), "0001012102200101"; got != want {
		t.Errorf("the arms of sixteen users are %s; computed in another language they are %s", got, want)
	}
	const users = 40_000
	other := *e
	other.salt = "f0" + e.salt[2:]
	sizes, both := make([]uint64, 3), make([]uint64, 9)
	for i := range users {
		user := fmt.Sprintf("u%d", i)
		sizes[e.ArmOf(user)]++
		both[3*e.ArmOf(user)+other.ArmOf(user)]++
	}
	if p := stats.SampleRatio(sizes, e.weights()).P; p < 0.001 {
		t.Errorf("%v: p %v", sizes, p)
	}
	// Independent: the arms of two experiments are combined as their weights say.
	if p := stats.SampleRatio(both, []uint32{4, 2, 2, 2, 1, 1, 2, 1, 1}).P; p < 0.001 {
		t.Errorf("%v: p %v", both, p)
	}
}

func TestReport_Verdicts(t *testing.T) {
	asOf := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	e := offer(t)
	n := e.Arms[1].Planned
	enough := []counts{
		{arm: "control", assigned: 2*n + 400, analysed: 2*n + 2, due: 2*n + 2, converted: n / 10, renewalDue: 10},
		{arm: "half", assigned: n + 200, analysed: n, due: n, converted: n / 5, renewalDue: 5},
		{arm: "free", assigned: n + 200, analysed: n, due: n, converted: n / 19, renewalDue: 5},
	}
	r, err := e.report(asOf, enough, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Conversion.Verdict != Result || r.Renewal.Verdict != NotEnough || !strings.Contains(r.Renewal.Reason, "arm control has 10 people due") {
		t.Fatalf("%+v", r)
	}
	half, free := r.Conversion.Rates[0], r.Conversion.Rates[1]
	if !half.Significant || half.Interval.Low <= 0 || free.Significant || half.Corrected < half.P || r.Renewal.Rates != nil || r.Renewal.Arms[0].Successes != nil {
		t.Errorf("%+v\n%+v", half, free)
	}
	if r.Arms[0].OtherCode != nil {
		t.Error("nobody has read the codes, and somebody knows who used them")
	}

	few := []counts{{arm: "control", assigned: 20, analysed: 20, due: 2}, {arm: "half", assigned: 10}, {arm: "free", assigned: 10}}
	if r, _ := e.report(asOf, few, nil, nil); r.Conversion.Verdict != NotEnough || r.Conversion.Arms[0].Successes != nil || r.Conversion.Arms[0].NotYetDue != 18 {
		t.Errorf("%+v", r.Conversion)
	}
	lost := []counts{{arm: "control", assigned: 2 * n, due: 2 * n}, {arm: "half", assigned: n, due: n}, {arm: "free", assigned: n * 8 / 10, due: n * 8 / 10}}
	if r, _ := e.report(asOf, lost, nil, nil); r.Conversion.Verdict != Mismatch || r.Renewal.Verdict != Mismatch || r.Conversion.Rates != nil {
		t.Errorf("%+v", r.Conversion)
	}
	if r, err := e.report(asOf, nil, nil, nil); err != nil || r.Conversion.Verdict != NotEnough {
		t.Errorf("nobody is assigned: %+v, %v", r, err)
	}
	if _, err := e.report(asOf, []counts{{arm: "ghost"}}, nil, nil); err == nil {
		t.Error("an unknown arm passes")
	}
}

// TestReport_OneFamilyAndItsAlpha: the comparisons of an outcome are corrected together, and
// their intervals agree with alpha.
func TestReport_OneFamilyAndItsAlpha(t *testing.T) {
	e := offer(t)
	e.Alpha = 0.01
	n := e.Arms[1].Planned
	people := []counts{
		{arm: "control", assigned: 2 * n, analysed: 2 * n, renewalDue: 2 * n, renewed: n / 10},
		{arm: "half", assigned: n, analysed: n, renewalDue: n, renewed: n / 10},
		{arm: "free", assigned: n, analysed: n, renewalDue: n, renewed: n / 19},
	}
	var revenue []money
	for _, currency := range []string{"EUR", "NOK"} {
		for _, c := range people {
			revenue = append(revenue, money{arm: c.arm, currency: currency, sum: float64(c.renewed) * 10, squares: float64(c.renewed) * 100})
		}
	}
	r, err := e.report(time.Now(), people, revenue, nil)
	if err != nil || r.Renewal.Verdict != Result {
		t.Fatalf("%+v, %v", r, err)
	}
	o := r.Renewal
	if len(o.Rates) != 2 || len(o.Revenue) != 4 || math.Abs(o.Confidence-0.99) > 1e-12 || math.Abs(o.ComparisonConfidence-(1-0.01/6)) > 1e-12 {
		t.Fatalf("%+v", o)
	}
	// The smallest p of six comparisons counts six times.
	smallest := o.Rates[0]
	for _, c := range append([]Comparison{o.Rates[1]}, o.Revenue[0].Comparison, o.Revenue[1].Comparison, o.Revenue[2].Comparison, o.Revenue[3].Comparison) {
		if c.P < smallest.P {
			smallest = c
		}
	}
	if math.Abs(smallest.Corrected-min(1, 6*smallest.P)) > 1e-12 {
		t.Errorf("p %g was corrected to %g", smallest.P, smallest.Corrected)
	}
	if want := stats.Wilson(stats.Proportion{Successes: n / 10, Total: n}, 0.99); *o.Arms[1].Interval != want {
		t.Errorf("got %+v, want %+v", *o.Arms[1].Interval, want)
	}
	if want := stats.Newcombe(stats.Proportion{Successes: n / 10, Total: 2 * n}, stats.Proportion{Successes: n / 10, Total: n}, 1-0.01/6); o.Rates[0].Interval != want {
		t.Errorf("got %+v, want %+v", o.Rates[0].Interval, want)
	}
}

// TestSampleOf: sums give the same as the values, those without a charge included.
func TestSampleOf(t *testing.T) {
	values := []float64{0, 0, 10, 0, 4.5, 0, -2}
	m := money{}
	for _, v := range values {
		m.sum, m.squares = m.sum+v, m.squares+v*v
	}
	got, want := sampleOf(uint64(len(values)), m), stats.Sample{N: uint64(len(values))}
	for _, v := range values {
		want.Mean += v / float64(len(values))
	}
	for _, v := range values {
		want.Variance += (v - want.Mean) * (v - want.Mean) / float64(len(values)-1)
	}
	if got.N != want.N || math.Abs(got.Mean-want.Mean) > 1e-12 || math.Abs(got.Variance-want.Variance) > 1e-12 {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
