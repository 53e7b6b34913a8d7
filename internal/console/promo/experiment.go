package promo

import (
	"context"
	"net/http"
	"strconv"

	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/promo/experiment"
)

// experimentContent is the page of one experiment.
type experimentContent struct {
	*experiment.Report
	Question []fact
	Outcomes []outcomeContent
	Figures  any
	Mark     string // of the check of sizes
}

// outcomeContent is the answer to one question.
type outcomeContent struct {
	Title, Verdict, Mark, Reason string
	Days                         uint32
}

// experiment is the report of an experiment.
func (p pages) experiment(w http.ResponseWriter, req *http.Request) {
	id := req.URL.Query().Get("id")
	report, err := p.report(req.Context(), id)
	if err != nil {
		p.failExperiment(w, req, err)
		return
	}
	e := report.Experiment
	content := experimentContent{
		Report: report,
		Question: []fact{
			{"segment", e.Segment}, {"conversion", "charged above zero within " + strconv.Itoa(int(e.ConversionDays)) + " days; from " + percentText(e.Baseline) + " to " + percentText(e.Target)},
			{"full-price renewal", "charged the list price or more after the first charge, within " + strconv.Itoa(int(e.RenewalDays)) + " days"},
			{"alpha and power", percentText(e.Alpha) + ", " + percentText(e.Power)}, {"created", day(&e.CreatedAt) + " by " + e.CreatedBy},
		},
		Outcomes: []outcomeContent{outcomeOf("Conversion", &report.Conversion), outcomeOf("Full-price renewal", &report.Renewal)},
	}
	command := "pianola promo experiment report " + e.ID
	panel := func(id, title, about string, draw page.Drawing, t *figures.Table) page.Panel {
		return page.Panel{ID: id, Title: title, About: about, Draw: draw, Command: command, Sources: []string{"experiment_assignments", "subscriptions", "promo_conversions"},
			Read: func(context.Context) (*figures.Table, error) { return t, nil }}
	}
	rates := page.Intervals{Label: "arm", Value: "rate_percent", Low: "low_percent", High: "high_percent", Unit: " %"}
	differences := page.Intervals{Label: "arm", Value: "difference", Low: "low", High: "high"}
	about := "By intention to treat: users count in their arm with any code, or with none. The first users of each arm are analysed, up to the planned number, so that every look has the same people. Intervals of " + percentText(report.Conversion.Confidence) + ": Wilson for a rate. Without a result no rate is shown."
	compared := "Arm minus control arm, with its interval (Newcombe; of revenue Welch). All comparisons of the outcome share alpha: their p-values are corrected by Holm, and their intervals are wider."
	panels := []page.Panel{
		panel("arms", "Arms", "Sizes are compared with the weights (chi-square). Who used the code of another arm counts in the own arm all the same.", nil, armsTable(report)),
		panel("conversion", "Conversion", about, rates, outcomeTable(report, &report.Conversion)),
		panel("renewal", "Full-price renewal", about, rates, outcomeTable(report, &report.Renewal)),
	}
	if len(report.Conversion.Rates) > 0 {
		panels = append(panels, panel("conversion-difference", "Conversion: difference to the control arm", compared+" In percentage points.", differences, ratesTable(report, report.Conversion.Rates)))
	}
	if len(report.Renewal.Rates) > 0 {
		panels = append(panels, panel("renewal-difference", "Full-price renewal: difference to the control arm", compared+" In percentage points.", differences, ratesTable(report, report.Renewal.Rates)))
	}
	if len(report.Renewal.Revenue) > 0 {
		panels = append(panels, panel("revenue", "Revenue for each assigned user", compared+" Those without a charge are included. An offer can win conversion and lose this.", differences, revenueTable(report)))
	}
	var done bool
	if content.Figures, done = p.Load(w, req, page.PanelPage{Panels: panels, Keep: map[string][]string{"id": {e.ID}}}); !done {
		p.Page(w, req, http.StatusOK, "promo-experiment", "Experiment "+e.ID, content)
	}
}

// report reads a report, at most once at a time for each experiment.
func (p pages) report(ctx context.Context, id string) (*experiment.Report, error) {
	// The cache has tables: this one has the report as its only value.
	t, err := p.Figures.Cached(ctx, "experiment "+id, figures.DefaultKeep, func(ctx context.Context) (*figures.Table, error) {
		report, err := p.Experiments.Report(ctx, id)
		return &figures.Table{AsOf: p.Now(), Rows: [][]any{{report}}}, err
	})
	if err != nil {
		return nil, err
	}
	return t.Rows[0][0].(*experiment.Report), nil
}

func outcomeOf(title string, o *experiment.Outcome) outcomeContent {
	content := outcomeContent{Title: title, Days: o.Days, Verdict: verdictText(o.Verdict), Reason: sentence(o.Reason)}
	switch o.Verdict {
	case experiment.Mismatch:
		content.Mark = "bad"
	case experiment.NotEnough:
		content.Mark = "warn"
	default:
		content.Mark = "good"
	}
	return content
}

func columns(names ...string) (all []figures.Column) {
	for i := 0; i+1 < len(names); i += 2 {
		all = append(all, figures.Column{Name: names[i], Type: names[i+1]})
	}
	return all
}

func armsTable(r *experiment.Report) *figures.Table {
	t := &figures.Table{AsOf: r.AsOf, Columns: columns("arm", "String", "weight", "UInt32", "assigned", "UInt64", "analysed", "UInt64", "planned", "UInt64", "promotion_id", "String", "used_another_arms_code", "Nullable(UInt64)")}
	for _, arm := range r.Arms {
		t.Rows = append(t.Rows, []any{arm.Name, arm.Weight, arm.Assigned, arm.Analysed, arm.Planned, arm.PromotionID, arm.OtherCode})
	}
	return t
}

func outcomeTable(r *experiment.Report, o *experiment.Outcome) *figures.Table {
	t := &figures.Table{AsOf: r.AsOf, Columns: columns("arm", "String", "due", "UInt64", "not_yet_due", "UInt64", "planned", "UInt64", "did", "Nullable(UInt64)",
		"rate_percent", "Nullable(Float64)", "low_percent", "Nullable(Float64)", "high_percent", "Nullable(Float64)")}
	for _, arm := range o.Arms {
		row := []any{arm.Arm, arm.Due, arm.NotYetDue, arm.Planned, arm.Successes, nil, nil, nil}
		if arm.Rate != nil && arm.Interval != nil {
			row[5], row[6], row[7] = rounded(100**arm.Rate), rounded(100*arm.Interval.Low), rounded(100*arm.Interval.High)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func ratesTable(r *experiment.Report, all []experiment.Comparison) *figures.Table {
	t := &figures.Table{AsOf: r.AsOf, Columns: columns("arm", "String", "difference", "Float64", "low", "Float64", "high", "Float64", "p", "Float64", "p_corrected", "Float64", "answer", "String")}
	for _, c := range all {
		t.Rows = append(t.Rows, []any{c.Arm, rounded(100 * c.Difference), rounded(100 * c.Interval.Low), rounded(100 * c.Interval.High), rounded(c.P), rounded(c.Corrected), answerText(c)})
	}
	return t
}

func revenueTable(r *experiment.Report) *figures.Table {
	t := &figures.Table{AsOf: r.AsOf, Columns: columns("arm", "String", "control_mean", "Float64", "mean", "Float64", "difference", "Float64", "low", "Float64", "high", "Float64",
		"p", "Float64", "p_corrected", "Float64", "answer", "String")}
	for _, c := range r.Renewal.Revenue {
		t.Rows = append(t.Rows, []any{c.Arm + ", " + c.Currency, rounded(c.Control), rounded(c.Mean), rounded(c.Difference), rounded(c.Interval.Low), rounded(c.Interval.High),
			rounded(c.P), rounded(c.Corrected), answerText(c.Comparison)})
	}
	return t
}

func answerText(c experiment.Comparison) string {
	if c.Significant {
		return "differs"
	}
	return "no difference found"
}

// rounded has four places after the point.
func rounded(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'f', 4, 64), 64)
	if err != nil {
		return v // not a number
	}
	return r
}
