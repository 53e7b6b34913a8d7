package world_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/schemas"
)

// lives are small lives with states that were checked by hand.
type lives struct {
	Lives []struct {
		ID       string        `json:"id"`
		Note     string        `json:"note"`
		Messages []lifeMessage `json:"messages"`
		States   map[string]struct {
			Status    world.Status `json:"status"`
			AutoRenew *bool        `json:"autorenew"`
			Disabled  *time.Time   `json:"autorenew_disabled_at"`
			InTrial   bool         `json:"in_trial"`
			Failed    int          `json:"failed_payments"`
			PeriodEnd *time.Time   `json:"current_period_ends_at"`
			Started   *time.Time   `json:"started_at"`
			Ended     *time.Time   `json:"ended_at"`
			Reason    *string      `json:"end_reason"`
			Term      string       `json:"term_type"`
			Period    string       `json:"billing_period"`
			Partial   bool         `json:"partial"`
		} `json:"state_on_2026_07_01"`
	} `json:"lives"`
}

type lifeMessage struct {
	ID       string     `json:"subscription_id"`
	At       time.Time  `json:"event_timestamp"`
	Action   string     `json:"subscription_action"`
	Term     string     `json:"term_type"`
	Period   string     `json:"billing_period"`
	Next     *time.Time `json:"next_billed_at"`
	TrialEnd *time.Time `json:"trial_period_ended_at"`
	Value    *float64   `json:"transaction_value"`
	To       string     `json:"upgrade_to_subscription_id"`
}

func millis(t *time.Time) schemas.NullMillis {
	if t == nil {
		return schemas.NullMillis{}
	}
	return schemas.NullMillis{Millis: schemas.Millis(t.UnixMilli()), Valid: true}
}

// bySubscription converts messages into facts, and finds each first event.
func bySubscription(messages []lifeMessage) (map[string][]world.Fact, func(string) schemas.NullMillis) {
	facts := map[string][]world.Fact{}
	for _, m := range messages {
		f := world.Fact{
			At: schemas.Millis(m.At.UnixMilli()), Action: m.Action, NextBilledAt: millis(m.Next), TrialEndsAt: millis(m.TrialEnd),
			TermType: m.Term, Period: m.Period, ChangeTo: m.To,
		}
		if m.Value != nil {
			f.Value = schemas.NullDecimal4{Decimal4: schemas.Decimal4(*m.Value * 10_000), Valid: true}
		}
		facts[m.ID] = append(facts[m.ID], f)
	}
	return facts, func(id string) (first schemas.NullMillis) {
		for _, f := range facts[id] {
			if !first.Valid || f.At < first.Millis {
				first = schemas.NullMillis{Millis: f.At, Valid: true}
			}
		}
		return first
	}
}

func TestStateOf_lives(t *testing.T) {
	text, err := os.ReadFile("testdata/lives.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors lives
	if err := json.Unmarshal(text, &vectors); err != nil {
		t.Fatal(err)
	}
	at := schemas.Millis(time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC).UnixMilli())
	checked := 0
	for _, life := range vectors.Lives {
		t.Run(life.ID+" "+life.Note, func(t *testing.T) {
			facts, first := bySubscription(life.Messages)
			for id, want := range life.States {
				checked++
				expect := world.State{
					SubscriptionID: id, Status: want.Status, AutoRenewDisabledAt: millis(want.Disabled), InTrial: want.InTrial,
					FailedPayments: want.Failed, CurrentPeriodEndsAt: millis(want.PeriodEnd), StartedAt: millis(want.Started),
					EndedAt: millis(want.Ended), TermType: want.Term, BillingPeriod: want.Period, Partial: want.Partial,
				}
				if want.AutoRenew != nil {
					expect.AutoRenew = map[bool]world.AutoRenew{true: world.AutoRenewOn, false: world.AutoRenewOff}[*want.AutoRenew]
				}
				if want.Reason != nil {
					expect.EndReason = *want.Reason
				}
				check := func(order []world.Fact) string {
					got := world.StateOf(id, order, at, first)
					// The vectors do not say these.
					got.FailedSince, got.Overdue, got.Price = schemas.NullMillis{}, false, schemas.NullDecimal4{}
					got.HadTrial, got.ConvertedAt, got.Counts, got.MRR = false, schemas.NullMillis{}, false, 0
					if got != expect {
						return fmt.Sprintf("\nhave %+v\nwant %+v", got, expect)
					}
					return ""
				}
				if wrong := check(facts[id]); wrong != "" {
					t.Error(wrong)
				}
				rapid.Check(t, func(rt *rapid.T) {
					if wrong := check(rapid.Permutation(facts[id]).Draw(rt, "order")); wrong != "" {
						rt.Fatal("in another order of arrival:", wrong)
					}
				})
			}
		})
	}
	if checked != 16 {
		t.Errorf("%d states checked, the vectors have 16", checked)
	}
}

func TestStateOf_rules_beyond_the_lives(t *testing.T) {
	const now = 100 * 86_400_000
	days := func(n int) schemas.Millis { return schemas.Millis(n) * 86_400_000 }
	opt := func(n int) schemas.NullMillis { return schemas.NullMillis{Millis: days(n), Valid: true} }
	created := world.Fact{At: days(1), Action: schemas.Created, NextBilledAt: opt(31), TermType: "payment", Period: "1 month"}
	fact := func(day int, action string) world.Fact { return world.Fact{At: days(day), Action: action} }
	cases := []struct {
		name  string
		facts []world.Fact
		want  func(world.State) bool
	}{
		{"nothing known", nil, func(s world.State) bool { return s.Status == world.StatusNone && s.Partial }},
		{"an unknown action has no effect", []world.Fact{{At: days(2), Action: "Paused", TermType: "gift", NextBilledAt: opt(9)}},
			func(s world.State) bool {
				return s.Status == world.StatusNone && s.TermType == "" && !s.CurrentPeriodEndsAt.Valid
			}},
		{"the clock ends nothing, but it is overdue", []world.Fact{created},
			func(s world.State) bool { return s.Status == world.StatusActive && s.Overdue }},
		{"in trial until the trial's end", []world.Fact{{At: days(99), Action: schemas.TrialStarted, TrialEndsAt: opt(101)}},
			func(s world.State) bool { return s.InTrial && s.Partial && s.StartedAt == opt(99) }},
		{"not in trial when that has passed", []world.Fact{{At: days(90), Action: schemas.TrialStarted, TrialEndsAt: opt(99)}},
			func(s world.State) bool { return !s.InTrial && s.Status == world.StatusActive }},
		{"a failed payment's date is no period end", []world.Fact{created, {At: days(31), Action: schemas.PaymentFailed, NextBilledAt: opt(34)}},
			func(s world.State) bool {
				return s.Status == world.StatusFailAndRetry && s.CurrentPeriodEndsAt == opt(31)
			}},
		{"turned off after the last failure is no error", []world.Fact{created, fact(31, schemas.PaymentFailed), fact(32, schemas.AutoRenewDisabled), fact(33, schemas.Expired)},
			func(s world.State) bool { return s.Status == world.StatusExpired && s.EndReason == "auto_renew_off" }},
		{"turned off before the last failure is one", []world.Fact{created, fact(30, schemas.AutoRenewDisabled), fact(31, schemas.PaymentFailed), fact(33, schemas.Expired)},
			func(s world.State) bool { return s.Status == world.StatusExpiredWithError }},
		{"cancelled stays cancelled", []world.Fact{created, fact(10, schemas.Canceled), fact(10, schemas.Expired), fact(11, schemas.Canceled)},
			func(s world.State) bool { return s.Status == world.StatusCancelled && s.EndedAt == opt(10) }},
		{"renewed reopens", []world.Fact{created, fact(31, schemas.Expired), fact(40, schemas.Renewed)},
			func(s world.State) bool {
				return s.Status == world.StatusActive && s.AutoRenew == world.AutoRenewOn && !s.EndedAt.Valid
			}},
		{"a manual renewal keeps auto-renew off", []world.Fact{created, fact(9, schemas.AutoRenewDisabled), fact(31, schemas.Renewed)},
			func(s world.State) bool { return s.AutoRenew == world.AutoRenewOff && s.AutoRenewDisabledAt == opt(9) }},
		{"a change to itself is a change in place", []world.Fact{created, {At: days(9), Action: schemas.Upgraded, ChangeTo: "A", Period: "1 year"}},
			func(s world.State) bool {
				return s.Status == world.StatusActive && !s.ChangePending && s.BillingPeriod == "1 year"
			}},
		{"a change to one that never came is pending", []world.Fact{created, {At: days(9), Action: schemas.Upgraded, ChangeTo: "nowhere", Period: "1 year"}},
			func(s world.State) bool {
				return s.Status == world.StatusActive && s.ChangePending && s.BillingPeriod == "1 month"
			}},
		{"expired with a change pending is upgraded", []world.Fact{created, {At: days(9), Action: schemas.Downgraded, ChangeTo: "nowhere"}, fact(31, schemas.Expired)},
			func(s world.State) bool {
				return s.Status == world.StatusUpgraded && s.EndedAt == opt(31) && !s.ChangePending
			}},
		{"nothing reopens an upgraded one", []world.Fact{created, {At: days(9), Action: schemas.Upgraded, ChangeTo: "B"}, fact(60, schemas.Renewed)},
			func(s world.State) bool { return s.Status == world.StatusUpgraded && s.EndedAt == opt(50) }},
		{"the earliest Created comes first even if others are older", []world.Fact{fact(1, schemas.AutoRenewDisabled), {At: days(2), Action: schemas.Created, NextBilledAt: opt(31)}},
			func(s world.State) bool {
				return s.AutoRenew == world.AutoRenewOff && s.StartedAt == opt(2) && !s.Partial
			}},
	}
	first := func(id string) schemas.NullMillis {
		if id == "B" {
			return opt(50)
		}
		return schemas.NullMillis{}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := world.StateOf("A", c.facts, now, first); !c.want(got) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestStates_are_near_the_parameters compares the simulated lives with the table of
// parameters, with tolerance for chance and for events that were not stored.
func TestStates_are_near_the_parameters(t *testing.T) {
	cfg := world.Defaults()
	cfg.Subscribers = 8000
	w := with(t, cfg)
	var n, live, partial, lapsed, errored, ended, off, gift, monthly, yearly float64
	at := schemas.Millis(cfg.End.UnixMilli())
	seen := map[world.Status]int{}
	for s := range w.Truth().States(at) {
		n++
		seen[s.Status]++
		if s.Partial {
			partial++
		}
		if s.TermType == "gift" {
			gift++
		}
		switch s.BillingPeriod {
		case "1 month":
			monthly++
		case "1 year":
			yearly++
		}
		if !s.Status.Closed() {
			live++
			continue
		}
		ended++
		switch s.EndReason {
		case "trial_not_converted":
			lapsed++
		case "payment_failed":
			errored++
		case "auto_renew_off":
			off++
		}
	}
	for _, c := range []struct {
		what        string
		got, lo, hi float64
	}{
		{"live", live / n, 0.35, 0.75},
		{"began before the stream, or lost its start", partial / n, 0.03, 0.12},
		{"monthly", monthly / n, 0.50, 0.65},
		{"yearly", yearly / n, 0.27, 0.40},
		{"gifts", gift / n, 0.025, 0.06},
		{"ends: a trial that lapsed", lapsed / ended, 0.15, 0.50},
		{"ends: payment failed", errored / ended, 0.08, 0.35},
		{"ends: auto-renew off", off / ended, 0.15, 0.55},
	} {
		if c.got < c.lo || c.got > c.hi {
			t.Errorf("%s: %.3f, by the table between %.2f and %.2f", c.what, c.got, c.lo, c.hi)
		}
	}
	for _, s := range []world.Status{world.StatusActive, world.StatusFailAndRetry, world.StatusExpired, world.StatusExpiredWithError,
		world.StatusCancelled, world.StatusUpgraded} {
		if seen[s] == 0 {
			t.Errorf("no subscription is %s", s)
		}
	}
	t.Logf("%v", seen)
}
