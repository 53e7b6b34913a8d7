package world_test

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

// TestMetricsInput_of_a_world verifies that a simulated year has every movement in every
// currency, and that its movements lead from opening to closing.
func TestMetricsInput_of_a_world(t *testing.T) {
	cfg := world.Defaults()
	cfg.Subscribers = 3000
	w := with(t, cfg)
	truth := w.Truth()
	zone, err := time.LoadLocation("Europe/Copenhagen")
	if err != nil {
		t.Fatal(err)
	}
	in := truth.MetricsInput(schemas.Millis(cfg.End.UnixMilli()), zone, truth.Snapshot)
	hidden := 0
	for _, s := range in.Subscriptions {
		if s.Internal {
			hidden++
		}
	}
	if hidden == 0 || hidden > len(in.Subscriptions)/20 {
		t.Errorf("%d of %d subscriptions are internal", hidden, len(in.Subscriptions))
	}
	tables := metrics.Compute(in)
	live := 0
	visible := map[string]bool{}
	for _, s := range in.Subscriptions {
		visible[s.ID] = !s.Internal
	}
	for s := range truth.States(in.AsOf - 1) {
		if (s.TermType == "payment" || s.TermType == "dynamic") && s.Status != world.StatusNone && !s.Status.Closed() && visible[s.SubscriptionID] {
			live++
		}
	}
	for _, d := range tables.Days[len(tables.Days)-4:] {
		live -= d.Live
		if d.Unpriced == 0 && d.Currency == metrics.UnknownCurrency || d.ListPriced == 0 && d.Currency != metrics.UnknownCurrency {
			t.Errorf("every price is charged: %+v", d)
		}
	}
	if live != 0 {
		t.Errorf("the oracle has %d live subscriptions more than the last day", live)
	}
	for name, n := range map[string]int{
		"ends": len(tables.Ends), "trials": len(tables.Trials), "episodes": len(tables.Episodes), "revenue": len(tables.Revenue),
		"changes": len(tables.Changes), "at risk": len(tables.AtRisk), "retention": len(tables.Retention),
		"promo codes": len(tables.PromoCodes), // three codes in four currencies
	} {
		if n < 50 && name != "promo codes" || n < 12 {
			t.Errorf("%s: only %d rows", name, n)
		}
	}
	outcomes := map[string]int{}
	for _, e := range tables.Ends {
		outcomes["end "+string(e.Kind)]++
		if e.WonBackAt.Valid {
			outcomes["win-back"]++
		}
	}
	for _, l := range tables.Trials {
		outcomes["trial "+string(l.Outcome)]++
		if l.ConvertedBy != "" && l.ConvertedBy != l.SubscriptionID {
			outcomes["trial converted by another"]++
		}
	}
	for _, e := range tables.Episodes {
		outcomes["dunning "+string(e.Outcome)]++
	}
	for _, c := range tables.Changes {
		outcomes[string(c.Direction)+" "+string(c.Outcome)]++
		if c.Target == "" {
			outcomes["in place"]++
		}
	}
	for _, r := range tables.Sales {
		outcomes["refunds"] += r.RefundCount
	}
	for _, what := range []string{
		"end voluntary", "end involuntary", "end trial", "end plan_change", "win-back", "trial converted", "trial lapsed", "trial open",
		"dunning recovered", "dunning lost", "dunning open", "upgrade effective", "downgrade effective", "upgrade pending", "in place", "refunds",
	} {
		if outcomes[what] == 0 {
			t.Errorf("none: %s", what)
		}
	}
	t.Logf("%v", outcomes)
	seen := map[string]int{}
	for _, m := range tables.Movements {
		seen[m.Currency+" "+string(m.Kind)+" "+string(m.Churn)]++
	}
	for _, currency := range []string{"EUR", "USD", "DKK"} {
		for _, kind := range []string{"new ", "discovered ", "reactivation ", "expansion ", "contraction ", "churn voluntary", "churn involuntary"} {
			if seen[currency+" "+kind] == 0 {
				t.Errorf("no movement is %s in %s", kind, currency)
			}
		}
	}
	if len(tables.MRR) != 13*4 {
		t.Errorf("%d rows, the year has 13 months in three currencies and unknown", len(tables.MRR))
	}
	last := map[string]schemas.Decimal4{}
	for _, r := range tables.MRR {
		if got := r.Opening + r.New + r.Discovered + r.Reactivation + r.Expansion - r.Contraction - r.Churn; got != r.Closing || r.Opening != last[r.Currency] {
			t.Errorf("the movements do not add up: %+v", r)
		}
		last[r.Currency] = r.Closing
	}
	for _, d := range tables.Days[len(tables.Days)-4:] {
		if d.MRR != last[d.Currency] || d.MRR == 0 || d.Complete {
			t.Errorf("the last day has the MRR %d, the last month %d: %+v", d.MRR, last[d.Currency], d)
		}
	}
}

// TestMetricsInput_identities_of_seeds verifies for five seeds and as many time zones that
// the movements of every month and currency lead from its opening to its closing.
func TestMetricsInput_identities_of_seeds(t *testing.T) {
	for i, name := range []string{"UTC", "Europe/Copenhagen", "America/New_York", "Asia/Kolkata", "America/Havana"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := world.Defaults()
		cfg.Seed, cfg.Subscribers = uint64(i+1), 500
		truth := with(t, cfg).Truth()
		tables := metrics.Compute(truth.MetricsInput(schemas.Millis(cfg.End.UnixMilli()), zone, truth.Snapshot))
		last, rows := map[string]schemas.Decimal4{}, 0
		for _, r := range tables.MRR {
			rows++
			if got := r.Opening + r.New + r.Discovered + r.Reactivation + r.Expansion - r.Contraction - r.Churn; got != r.Closing || r.Opening != last[r.Currency] {
				t.Errorf("seed %d in %s: the movements do not add up: %+v", i+1, name, r)
			}
			last[r.Currency] = r.Closing
		}
		if rows < 48 || last["EUR"] == 0 {
			t.Errorf("seed %d in %s: %d rows end with %v", i+1, name, rows, last)
		}
	}
}
