package metrics_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/sandbox/world/metrics"
	"github.com/pianola/pianola/schemas"
)

const day = schemas.Millis(24 * 60 * 60 * 1000)

// randomInput draws a few subscriptions with events of every kind at few instants, over
// three months.
func randomInput(t *rapid.T, start schemas.Millis) metrics.Input {
	in := metrics.Input{AsOf: start + 80*day}
	instant := rapid.Custom(func(t *rapid.T) schemas.Millis {
		return start + schemas.Millis(rapid.IntRange(0, 16).Draw(t, "day"))*5*day
	})
	maybe := rapid.Custom(func(t *rapid.T) schemas.NullMillis {
		if rapid.Bool().Draw(t, "absent") {
			return schemas.NullMillis{}
		}
		return schemas.NullMillis{Millis: instant.Draw(t, "at"), Valid: true}
	})
	ids := []string{"A", "B", "C", "D"}
	for _, id := range ids {
		s := metrics.Subscription{ID: id}
		if rapid.Bool().Draw(t, "snapshot") {
			s.Snapshot.Price = schemas.NullDecimal4{Decimal4: 7_0000, Valid: true}
		}
		s.Snapshot.Currency = rapid.SampledFrom([]string{"", "DKK", "EUR"}).Draw(t, "currency")
		seen := map[string]bool{} // an event is identified by instant and action
		for range rapid.IntRange(0, 12).Draw(t, "events") {
			e := metrics.Event{
				At: instant.Draw(t, "time"), Action: rapid.SampledFrom(append(schemas.Actions(), "Paused")).Draw(t, "action"),
				UserID: rapid.SampledFrom([]string{"", "u", "u", "v"}).Draw(t, "user"), NextBilledAt: maybe.Draw(t, "next"),
				TrialEndsAt: maybe.Draw(t, "trial"), TermType: rapid.SampledFrom([]string{"", "payment", "payment", "payment", "gift"}).Draw(t, "term"),
				Period: rapid.SampledFrom([]string{"", "1 month", "1 year", "2 weeks"}).Draw(t, "period"), ChangeTo: rapid.SampledFrom([]string{"", "A", "B", "C", "E"}).Draw(t, "to"),
			}
			if v := rapid.SampledFrom([]schemas.Decimal4{-5_0000, -1, 0, 0, 10_0000, 12_3400}).Draw(t, "value"); v != -1 {
				e.Value = schemas.NullDecimal4{Decimal4: v, Valid: true}
			}
			if key := fmt.Sprint(e.At, e.Action); !seen[key] {
				seen[key] = true
				s.Events = append(s.Events, e)
			}
		}
		in.Subscriptions = append(in.Subscriptions, s)
	}
	return in
}

// TestRandom_identities draws lives, and checks what must be true of all tables.
func TestRandom_identities(t *testing.T) {
	start := instant(t, "01-03")
	rapid.Check(t, func(rt *rapid.T) {
		in := randomInput(rt, start)
		if !slices.ContainsFunc(in.Subscriptions, func(s metrics.Subscription) bool {
			return slices.ContainsFunc(s.Events, func(e metrics.Event) bool { return e.At < in.AsOf })
		}) {
			return
		}
		tables := compute(t, in)
		if t.Failed() {
			rt.Fatalf("%+v", in)
		}
		// The last day of a month agrees with the month.
		for _, m := range tables.MRR {
			for _, d := range slices.Backward(tables.Days) {
				if d.Currency == m.Currency && d.Day[:7] == m.Month {
					if d.MRR != m.Closing || d.OverdueMRR != m.OverdueMRR || d.Complete != m.Complete && d.Day[8:] == "31" {
						rt.Fatalf("%+v\n%+v", d, m)
					}
					break
				}
			}
		}
		// Every movement is above zero, and a customer has one kind of arrival or churn a month.
		kinds := map[string]metrics.MovementKind{}
		for _, m := range tables.Movements {
			if m.Amount <= 0 {
				rt.Fatalf("%+v", m)
			}
			key := m.Month + owner(m.Customer)
			if m.Kind == metrics.Expansion || m.Kind == metrics.Contraction {
				continue
			}
			if before, ok := kinds[key]; ok && before != m.Kind {
				rt.Fatalf("%s: %s and %s", key, before, m.Kind)
			}
			kinds[key] = m.Kind
		}
		for _, e := range tables.Ends {
			if e.WonBackAt.Valid && (!e.Paid || !e.LeftNone || e.Kind == metrics.PlanChange || e.WonBackAt.Millis <= e.EndedAt) || e.MRRBefore > 0 && !e.Paid {
				rt.Fatalf("%+v", e)
			}
		}
		for _, c := range tables.Retention {
			if c.Unbroken > c.Active || c.Active > c.Customers {
				rt.Fatalf("%+v", c)
			}
		}
		for _, c := range tables.TrialCohorts {
			if c.Converted+c.Lapsed+c.Open != c.Trials || c.Immature && c.Open == 0 {
				rt.Fatalf("%+v", c)
			}
		}
		for _, d := range tables.Dunning {
			if d.Recovered+d.Lost+d.Changed+d.Open != d.Episodes || d.RecoveredWithin[len(metrics.RecoveryDays)-1] > d.Recovered {
				rt.Fatalf("%+v", d)
			}
		}
		total := map[string]schemas.Decimal4{}
		for _, s := range tables.Sales {
			total[s.Currency] += s.Charges + s.Refunds
		}
		for _, r := range tables.Revenue {
			total[r.Currency] -= r.Charges + r.Refunds
		}
		for currency, rest := range total {
			if rest != 0 {
				rt.Fatalf("the parts of the revenue in %s differ by %s from the whole", currency, money(rest))
			}
		}
	})
}

// TestRandom_states_equal_the_oracle compares the states behind the figures with
// world.StateOf, which is another implementation. The state at an edge is the one a
// millisecond earlier there.
func TestRandom_states_equal_the_oracle(t *testing.T) {
	start := instant(t, "01-03")
	rapid.Check(t, func(rt *rapid.T) {
		in := randomInput(rt, start)
		first := func(id string) (at schemas.NullMillis) {
			for _, s := range in.Subscriptions {
				for _, e := range s.Events {
					if s.ID == id && (!at.Valid || e.At < at.Millis) {
						at = schemas.NullMillis{Millis: e.At, Valid: true}
					}
				}
			}
			return at
		}
		for i, s := range in.Subscriptions {
			var facts []world.Fact
			for _, e := range s.Events {
				facts = append(facts, world.Fact{
					At: e.At, Action: e.Action, NextBilledAt: e.NextBilledAt, TrialEndsAt: e.TrialEndsAt, Value: e.Value,
					TermType: e.TermType, Period: e.Period, ChangeTo: e.ChangeTo,
				})
			}
			one := in
			one.Subscriptions = slices.Clone(in.Subscriptions)
			for j := range one.Subscriptions {
				one.Subscriptions[j].Internal = j != i // hidden, but it completes changes
			}
			tables := metrics.Compute(one)
			state := world.StateOf(s.ID, facts, in.AsOf-1, first)
			want := metrics.Day{}
			live := state.Status != world.StatusNone && !state.Status.Closed()
			if live && state.TermType == "" {
				want.UnknownTerm = 1
			}
			if live && state.TermType == "payment" {
				for _, c := range []struct {
					to *int
					is bool
				}{
					{&want.Live, true}, {&want.InTrial, state.InTrial}, {&want.Failing, state.Status == world.StatusFailAndRetry}, {&want.Overdue, state.Overdue},
					{&want.AutoRenewOff, state.AutoRenew == world.AutoRenewOff}, {&want.ChangePending, state.ChangePending},
				} {
					if c.is {
						*c.to = 1
					}
				}
			}
			have := metrics.Day{}
			if n := len(tables.Days); n > 0 {
				d := tables.Days[n-1]
				have = metrics.Day{Live: d.Live, InTrial: d.InTrial, Failing: d.Failing, Overdue: d.Overdue, AutoRenewOff: d.AutoRenewOff, ChangePending: d.ChangePending, UnknownTerm: d.UnknownTerm}
			}
			if have != want {
				rt.Fatalf("%s\nhave %+v\nwant %+v\n%+v", s.ID, have, want, state)
			}
			later := func(f world.Fact) bool { return f.At > state.EndedAt.Millis && f.At < in.AsOf }
			if !state.Status.Closed() || state.TermType != "payment" || slices.ContainsFunc(facts, later) {
				continue // an end keeps the kind that was known at it
			}
			kind := map[string]metrics.EndKind{
				"payment_failed": metrics.Involuntary, "plan_change": metrics.PlanChange, "cancelled": metrics.Voluntary,
				"trial_not_converted": metrics.Trial, "auto_renew_off": metrics.Voluntary, "unknown": metrics.Unknown,
			}[state.EndReason]
			if !slices.ContainsFunc(tables.Ends, func(e metrics.End) bool { return e.EndedAt == state.EndedAt.Millis && e.Kind == kind }) {
				rt.Fatalf("%s: no end is %s at %s: %+v", s.ID, kind, date(state.EndedAt.Millis), tables.Ends)
			}
		}
	})
}
