package business_test

import (
	"cmp"
	"fmt"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// TestPages_EqualTheTruth compares the figures of the pages with the metrics that are
// computed in Go from the same lives.
func TestPages_EqualTheTruth(t *testing.T) {
	tier.Full(t, "computes every mart of a simulated year")
	w := simulate(t)
	currencies := map[string]bool{}
	for _, one := range w.truth("mrr_movements").MRR {
		currencies[one.Currency] = true
	}
	if len(currencies) < 3 {
		t.Fatalf("currencies %v", currencies)
	}
	c := comparison{site: open(t, w.o.Database), world: w}
	for currency := range currencies {
		c.currency = currency
		c.recurring()
		c.churn()
		c.days()
		c.trials()
		c.dunning()
		c.revenue()
		c.changes()
		c.promo()
		c.risk()
		c.closings()
	}
	c.retention()
	c.customers()
	if c.notDue < 3 {
		t.Errorf("%d rows are not yet due: the world tests nothing there", c.notDue)
	}
	for _, path := range paths() {
		// Few plans change: the usual currency may have no row.
		body := c.get(path).Body.String()
		if strings.Contains(body, "could not be read") || !strings.Contains(body, `<svg class="bars`) && path != "/business/plan-changes" {
			t.Errorf("%s has a problem, or no drawing", path)
		}
	}
}

// comparison is of one currency.
type comparison struct {
	*site
	world    *simulated
	currency string
	notDue   int
}

// same compares columns of the table of a panel with rows of values.
func (c *comparison) same(path, panel string, choices url.Values, columns string, want [][]any) {
	c.Helper()
	if choices == nil {
		choices = url.Values{}
	}
	choices.Set("currency", c.currency)
	names := strings.Fields(columns)
	got := c.rows(path, panel, choices)
	if len(got) != len(want) {
		c.Errorf("%s %s, %s: %d rows, want %d", path, panel, c.currency, len(got), len(want))
		return
	}
	for i, row := range got {
		for j, name := range names {
			value, known := row[name]
			if !known {
				c.Fatalf("%s %s has no column %s", path, panel, name)
			}
			if value == page.NotYetDue {
				c.notDue++
			}
			if expected := shown(want[i][j]); !equal(value, want[i][j], expected) {
				c.Errorf("%s %s, %s, row %d: %s is %q, want %q", path, panel, c.currency, i, name, value, expected)
			}
		}
	}
}

// rounded is a number that the page shows with so many places.
type rounded struct {
	value  float64
	places int
}

func equal(got string, want any, expected string) bool {
	r, ok := want.(rounded)
	if !ok {
		return got == expected
	}
	number, err := strconv.ParseFloat(got, 64)
	return err == nil && math.Abs(number-r.value) <= 0.5001*math.Pow10(-r.places)
}

func shown(v any) string {
	switch v := v.(type) {
	case schemas.Decimal4:
		return decimal.New(int64(v), -4).String()
	case schemas.NullDecimal4:
		if !v.Valid {
			return ""
		}
		return shown(v.Decimal4)
	case bool:
		if v {
			return "yes"
		}
		return "no"
	case nil:
		return ""
	default:
		return fmt.Sprint(v)
	}
}

// share is a percentage; empty without a whole.
func share(part, whole float64, places int) any {
	if whole == 0 {
		return nil
	}
	return rounded{100 * part / whole, places}
}

func state(immature bool) string {
	if immature {
		return page.NotYetDue
	}
	return "due"
}

func (c *comparison) recurring() {
	var months, ratios [][]any
	sum := metrics.MRR{}
	for i, r := range c.ofCurrency(c.world.truth("mrr_movements")).MRR {
		months = append(months, []any{r.Month + "-01", r.Opening, r.New, r.Discovered, r.Reactivation, r.Expansion, r.Contraction, r.Churn, r.Closing, r.OverdueMRR,
			r.OpeningCustomers, r.NewCustomers, r.ChurnedCustomers, r.ClosingCustomers, !r.Complete})
		net, gross := any(nil), any(nil)
		if r.Complete {
			net = share(float64(r.Opening+r.Expansion-r.Contraction-r.Churn), float64(r.Opening), 2)
			gross = share(float64(r.Opening-r.Contraction-r.Churn), float64(r.Opening), 2)
		}
		ratios = append(ratios, []any{r.Month + "-01", net, gross, r.ARPU, r.LTV})
		if i == 0 {
			sum.Opening = r.Opening
		}
		sum.New, sum.Discovered, sum.Reactivation, sum.Expansion, sum.Contraction = sum.New+r.New, sum.Discovered+r.Discovered, sum.Reactivation+r.Reactivation, sum.Expansion+r.Expansion, sum.Contraction+r.Contraction
		sum.ChurnVoluntary, sum.ChurnInvoluntary, sum.ChurnUnknown = sum.ChurnVoluntary+r.ChurnVoluntary, sum.ChurnInvoluntary+r.ChurnInvoluntary, sum.ChurnUnknown+r.ChurnUnknown
		sum.Closing = r.Closing
	}
	c.same("mrr", "movements", nil, "month opening_mrr new_mrr discovered_mrr reactivation_mrr expansion_mrr contraction_mrr churned_mrr closing_mrr overdue_mrr opening_customers new_customers churned_customers closing_customers in_progress", months)
	c.same("mrr", "value", nil, "month net_percent gross_percent arpu ltv", ratios)
	c.same("mrr", "waterfall", nil, "amount is_level", [][]any{
		{sum.Opening, true}, {sum.New, false}, {sum.Discovered, false}, {sum.Reactivation, false}, {sum.Expansion, false}, {-sum.Contraction, false},
		{-sum.ChurnVoluntary, false}, {-sum.ChurnInvoluntary, false}, {-sum.ChurnUnknown, false}, {sum.Closing, true},
	})
}

func (c *comparison) churn() {
	var kinds [][]any
	for _, r := range c.ofCurrency(c.world.truth("mrr_movements")).MRR {
		kinds = append(kinds, []any{r.Month + "-01", r.Churn, r.ChurnVoluntary, r.ChurnInvoluntary, r.ChurnUnknown})
	}
	c.same("churn", "mrr", nil, "month churned_mrr voluntary involuntary unknown", kinds)

	type counts struct{ voluntary, involuntary, unknown, unpaid, trials, changes int }
	ends, back := map[string]*counts{}, map[metrics.EndKind]*[2]int{}
	for _, e := range c.ofCurrency(c.world.truth("subscription_ends")).Ends {
		month := monthOf(e.EndedAt)
		if ends[month] == nil {
			ends[month] = &counts{}
		}
		of := ends[month]
		switch {
		case e.Kind == metrics.Trial:
			of.trials++
		case e.Kind == metrics.PlanChange:
			of.changes++
		case !e.Paid:
			of.unpaid++
		case e.Kind == metrics.Voluntary:
			of.voluntary++
		case e.Kind == metrics.Involuntary:
			of.involuntary++
		default:
			of.unknown++
		}
		if e.Paid && e.LeftNone && e.Kind != metrics.PlanChange {
			if back[e.Kind] == nil {
				back[e.Kind] = &[2]int{}
			}
			back[e.Kind][0]++
			if e.WonBackAt.Valid {
				back[e.Kind][1]++
			}
		}
	}
	var rows, returns [][]any
	for _, month := range months(ends) {
		of := cmp.Or(ends[month], &counts{})
		rows = append(rows, []any{month, of.voluntary, of.involuntary, of.unknown, of.unpaid, of.trials, of.changes})
	}
	c.same("churn", "ends", nil, "month voluntary involuntary unknown never_paid trials plan_changes", rows)
	for kind, of := range back {
		returns = append(returns, []any{string(kind), of[0], of[1], of[0] - of[1]})
	}
	slices.SortFunc(returns, func(a, b []any) int {
		if a[1] != b[1] {
			return b[1].(int) - a[1].(int)
		}
		return strings.Compare(a[0].(string), b[0].(string))
	})
	c.same("churn", "returns", nil, "kind ends won_back not_returned", returns)
}

func (c *comparison) days() {
	var rows [][]any
	for _, r := range c.ofCurrency(c.world.truth("subscription_day_changes")).Days {
		rows = append(rows, []any{r.Day, r.Live, r.Paying, r.InTrial, r.Failing, r.Overdue, r.MRR, !r.Complete})
	}
	c.same("subscribers", "live", nil, "day live paying in_trial failing overdue mrr in_progress", rows)
}

func (c *comparison) trials() {
	var cohorts [][]any
	var due, later [4]int
	for _, r := range c.ofCurrency(c.world.truth("subscription_trials")).TrialCohorts {
		rate := any(nil)
		if !r.Immature {
			rate = share(float64(r.Converted), float64(r.Trials), 1)
		}
		cohorts = append(cohorts, []any{r.Month + "-01", state(r.Immature), r.Trials, r.Converted, r.Lapsed, r.Open, rate})
		for i, n := range [4]int{r.Trials, r.Converted, r.Lapsed, r.Open} {
			if r.Immature {
				later[i] += n
			} else {
				due[i] += n
			}
		}
	}
	c.same("trials", "cohorts", nil, "cohort state trials converted lapsed open conversion_percent", cohorts)
	var steps [][]any
	for i, name := range []string{"trials started", "converted", "lapsed without a charge", "open"} {
		steps = append(steps, []any{name, due[i], later[i]})
	}
	c.same("trials", "funnel", nil, "step due not_yet_due", steps)
}

func (c *comparison) dunning() {
	var rows [][]any
	last := 0 // rows until the last month with an episode
	var due, later [8]int
	for _, r := range c.ofCurrency(c.world.truth("dunning_episodes")).Dunning {
		if r.Episodes == 0 && len(rows) == 0 {
			continue
		}
		rate := any(nil)
		if !r.Immature {
			rate = share(float64(r.RecoveredWithin[2]), float64(r.Episodes), 1)
		}
		rows = append(rows, []any{r.Month + "-01", state(r.Immature), r.Episodes, r.Recovered, r.Lost, r.Changed, r.Open, r.RecoveredWithin[0], r.RecoveredWithin[1], r.RecoveredWithin[2], rate})
		if r.Episodes > 0 {
			last = len(rows)
		}
		for i, n := range [8]int{r.Episodes, r.RecoveredWithin[0], r.RecoveredWithin[1], r.RecoveredWithin[2], r.Recovered, r.Lost, r.Changed, r.Open} {
			if r.Immature {
				later[i] += n
			} else {
				due[i] += n
			}
		}
	}
	c.same("dunning", "months", nil, "month state episodes recovered lost plan_change open within_7_days within_14_days within_30_days recovery_percent", rows[:last])
	if last == 0 {
		return
	}
	var steps [][]any
	for i := range due {
		steps = append(steps, []any{due[i], later[i]})
	}
	c.same("dunning", "funnel", nil, "due not_yet_due", steps)
}

func monthOf(at schemas.Millis) string {
	return instant(schemas.NullMillis{Millis: at, Valid: true}).UTC().Format("2006-01") + "-01"
}
