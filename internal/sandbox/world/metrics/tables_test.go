package metrics_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
)

// tableCase is a sentence of docs/metrics.md, a life that was checked by hand, and the
// rows of one table as text. Figures are those at asOf.
type tableCase struct {
	sentence, life, asOf, zone, want string
}

func runTables(t *testing.T, cases []tableCase, text func(*metrics.Tables) []string) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.sentence, func(t *testing.T) {
			in := parse(t, c.life, c.asOf)
			if c.zone != "" {
				zone, err := time.LoadLocation(c.zone)
				if err != nil {
					t.Fatal(err)
				}
				in.Zone = zone
			}
			var want []string
			for line := range strings.Lines(c.want) {
				if line = strings.TrimSpace(line); line != "" {
					want = append(want, line)
				}
			}
			got := strings.Join(text(compute(t, in)), "\n")
			if got != strings.Join(want, "\n") {
				t.Errorf("have\n%s\nwant\n%s", got, strings.Join(want, "\n"))
			}
		})
	}
}

func days(tables *metrics.Tables) []string {
	var out []string
	for _, d := range tables.Days {
		text := d.Day[5:]
		for _, c := range []struct {
			name string
			n    int
		}{
			{"live", d.Live}, {"trial", d.InTrial}, {"failing", d.Failing}, {"overdue", d.Overdue}, {"off", d.AutoRenewOff},
			{"changing", d.ChangePending}, {"paying", d.Paying}, {"list", d.ListPriced}, {"unpriced", d.Unpriced}, {"unknown-term", d.UnknownTerm},
		} {
			if c.n != 0 {
				text += fmt.Sprintf(" %s %d", c.name, c.n)
			}
		}
		if d.MRR != 0 {
			text += " mrr " + money(d.MRR)
		}
		if d.OverdueMRR != 0 {
			text += " of it overdue " + money(d.OverdueMRR)
		}
		if !d.Complete {
			text += " so far"
		}
		out = append(out, text)
	}
	return out
}

func TestDays(t *testing.T) {
	runTables(t, []tableCase{
		{"a day counts what was before its end", `
			A u1 01-10 Created value=12 next=01-12
			A u1 01-12 PaymentFailed next=01-15
			A u1 01-13T00:00 auto-off
			A u1 01-14T12:00 Upgraded to=B
			A u1 01-15T06:00 Expired`, "01-16T12:00", "", `
			01-10 live 1 paying 1 mrr 12
			01-11 live 1 paying 1 mrr 12
			01-12 live 1 failing 1 paying 1 mrr 12
			01-13 live 1 failing 1 off 1 paying 1 mrr 12
			01-14 live 1 failing 1 off 1 changing 1 paying 1 mrr 12
			01-15
			01-16 so far`},
		{"an unknown type is a quality figure, an unpriced one is counted", `
			A u1 01-10 Created value=12 term=-
			B u1 01-10 Created
			C u1 01-10 Created
			D u1 01-10 Created term=gift
			E u1 01-10 Created value=1 trial=01-11
			snapshot C price=7`, "01-12", "", `
			01-10 live 3 trial 1 paying 1 list 1 unpriced 2 unknown-term 1 mrr 7
			01-11 live 3 paying 1 list 1 unpriced 2 unknown-term 1 mrr 7`},
		{"a price of zero is a price", `
			A u1 01-10 Created value=0`, "01-11", "", `
			01-10 live 1`},
		{"a trial that ends at the end of the day has not ended", `
			A u1 01-10 Created value=1 trial=01-12
			snapshot A price=7`, "01-13", "", `
			01-10 live 1 trial 1 list 1
			01-11 live 1 trial 1 list 1
			01-12 live 1 list 1`},
		{"overdue begins seven days after the period's end", `
			A u1 01-10 Created value=12 next=01-11
			A u1 01-18T12:00 Renewed value=13 next=02-11`, "01-20", "", `
			01-10 live 1 paying 1 mrr 12
			01-11 live 1 paying 1 mrr 12
			01-12 live 1 paying 1 mrr 12
			01-13 live 1 paying 1 mrr 12
			01-14 live 1 paying 1 mrr 12
			01-15 live 1 paying 1 mrr 12
			01-16 live 1 paying 1 mrr 12
			01-17 live 1 paying 1 mrr 12
			01-18 live 1 paying 1 mrr 13
			01-19 live 1 paying 1 mrr 13`},
		{"an overdue one is live and in MRR", `
			A u1 01-10 Created value=12 next=01-04`, "01-12", "", `
			01-10 live 1 paying 1 mrr 12
			01-11 live 1 overdue 1 paying 1 mrr 12 of it overdue 12`},
		{"days end at the zone's midnight, or after the gap that it lies in", `
			A u1 2018-11-04T02:59:59.999 Created value=12
			B u1 2018-11-04T03:00 Created value=5`, "2018-11-05T01:00", "America/Sao_Paulo", `
			11-03 live 1 paying 1 mrr 12
			11-04 live 2 paying 2 mrr 17 so far`},
	}, days)
}

// TestVectors_states_of_the_past checks what the vectors say about earlier moments.
func TestVectors_states_of_the_past(t *testing.T) {
	_, lives := readVectors(t)
	for i, c := range map[int]struct{ asOf, want string }{
		9: {"03-01", "02-28 live 1 changing 1 paying 1 mrr 20"},
		4: {"03-01", "02-28 live 1 failing 1 paying 1 mrr 12"},
		1: {"02-01", "01-31 live 1 trial 1 unpriced 1"},
	} {
		list := days(compute(t, metrics.Input{Subscriptions: lives[i], AsOf: instant(t, c.asOf)}))
		if got := list[len(list)-1]; got != c.want {
			t.Errorf("%s: %s, not %s", lives[i][0].ID, got, c.want)
		}
	}
}

func ends(tables *metrics.Tables) []string {
	var out []string
	for _, e := range tables.Ends {
		text := fmt.Sprintf("%s %s %s %s", e.SubscriptionID, date(e.EndedAt), e.Kind, money(e.MRRBefore))
		for _, c := range []struct {
			name string
			is   bool
		}{{"paid", e.Paid}, {"none-left", e.LeftNone}} {
			if c.is {
				text += " " + c.name
			}
		}
		if e.WonBackAt.Valid {
			text += fmt.Sprintf(" back %s after %d", date(e.WonBackAt.Millis), e.WonBackDays)
		}
		out = append(out, text)
	}
	return out
}

func TestEnds(t *testing.T) {
	runTables(t, []tableCase{
		{"one row an end, with its kind", `
			A u1 01-10 Created value=10
			A u1 02-10 PaymentFailed
			A u1 02-11 Expired
			B u2 01-10 Created value=10
			B u2 02-10 Canceled
			B u2 02-11 Expired
			C u3 01-10 Created value=10
			C u3 01-11 auto-off
			C u3 02-10 Expired
			D u4 01-10 Created value=10
			D u4 02-10 Expired
			E u5 01-10 Created value=0 trial=01-20
			E u5 01-20 Expired
			F u6 01-10 Created value=10
			F u6 02-10 Upgraded to=G
			G u6 02-12 Created value=20
			H u7 01-10 Created value=10 term=gift
			H u7 02-10 Expired term=gift`, "03-01", "", `
			A 02-11 involuntary 10 paid none-left
			B 02-10 voluntary 10 paid none-left
			C 02-10 voluntary 10 paid none-left
			D 02-10 unknown 10 paid none-left
			E 01-20 trial 0 none-left
			F 02-12 plan_change 10 paid`},
		{"auto-renew that was turned off after the last failure makes it voluntary", `
			A u1 01-10 Created value=10
			A u1 02-10 PaymentFailed
			A u1 02-11 auto-off
			A u1 02-12 Expired`, "03-01", "", `
			A 02-12 voluntary 10 paid none-left`},
		{"a subscription that was reopened has several ends, each with at most one win-back", `
			A u1 01-10 Created value=10
			A u1 02-10 Expired
			A u1 03-10 Renewed value=10
			A u1 03-20 Canceled
			A u1 05-10 Resumed value=10`, "06-01", "", `
			A 02-10 unknown 10 paid none-left back 03-10 after 28
			A 03-20 voluntary 10 paid none-left back 05-10 after 51`},
		{"the end of a trial that never paid is not paid, even with a charge for the trial", `
			A u1 01-10 Created value=1 trial=01-20
			A u1 01-20 TrialEnded
			A u1 01-20T00:05 Expired
			A u1 02-10 Resumed value=10
			snapshot A price=10`, "03-01", "", `
			A 01-20T00:05:00 trial 0 none-left`},
		{"a charge at the end of a trial makes the end one of a subscription", `
			A u1 01-10 Created value=1 trial=01-20
			A u1 01-20 TrialEnded value=10
			A u1 02-20 Expired`, "03-01", "", `
			A 02-20 unknown 10 paid none-left`},
		{"a trial whose first payment failed has not paid", `
			A u1 01-10 Created value=0 trial=01-20
			A u1 01-20 PaymentFailed
			A u1 02-10 Expired
			snapshot A price=10`, "03-01", "", `
			A 02-10 involuntary 0 none-left`},
		{"a TrialEnded shows that there was a trial", `
			A u1 01-10 TrialEnded
			A u1 01-20 PaymentFailed
			A u1 02-10 Expired
			snapshot A price=10`, "03-01", "", `
			A 02-10 involuntary 0 none-left`},
		{"a subscription with a list price has paid", `
			A u1 01-10 auto-off
			A u1 02-10 Expired
			snapshot A price=10`, "03-01", "", `
			A 02-10 voluntary 10 paid none-left`},
		{"a price of zero has not paid", `
			A u1 01-10 Created value=0
			A u1 02-10 Expired`, "03-01", "", `
			A 02-10 unknown 0 none-left`},
		{"no win-back while a live subscription of a term that counts is left", `
			A u1 01-10 Created value=10
			B u1 01-12 Created value=0 trial=03-01
			A u1 02-10 Canceled
			B u1 03-01 Renewed value=5`, "04-01", "", `
			A 02-10 voluntary 10 paid`},
		{"a gift that is left does not prevent one", `
			A u1 01-10 Created value=10
			B u1 01-12 Created value=5 term=gift
			A u1 02-10 Canceled
			C u1 02-12 Created value=5`, "04-01", "", `
			A 02-10 voluntary 10 paid none-left back 02-12 after 2`},
		{"a plan change is no win-back", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded to=B
			A u1 02-10 Expired
			B u1 02-20 Created value=20`, "04-01", "", `
			A 02-10 plan_change 10 paid none-left`},
		{"the return is the first MRR above zero, not a trial", `
			A u1 01-10 Created value=10
			A u1 02-10 Canceled
			B u1 02-20 Created value=0 trial=03-06
			B u1 03-06 Renewed value=10
			C u1 03-07 Created value=10`, "04-01", "", `
			A 02-10 voluntary 10 paid none-left back 03-06 after 24`},
		{"without a time limit, and in days of the time zone", `
			A u1 01-10 Created value=10
			A u1 02-10T23:30 Canceled
			B u1 12-31T22:59 Created value=10`, "2027-02-01", "Europe/Copenhagen", `
			A 02-10T23:30:00 voluntary 10 paid none-left back 12-31T22:59:00 after 323`},
		{"what the MRR was before is strictly before the end", `
			A u1 01-10 Created value=10
			A u1 01-10 Canceled value=-10`, "02-01", "", `
			A 01-10 voluntary 0 paid none-left`},
		{"a change takes effect at the target's first event, or at its announcement if that is later", `
			A u1 01-10 Created value=10
			B u1 01-12 Created value=20
			A u1 02-10 Upgraded to=B`, "03-01", "", `
			A 02-10 plan_change 10 paid`},
		{"a change announced by a closed subscription has no effect", `
			A u1 01-10 Created value=10
			A u1 02-10 Canceled
			A u1 02-11 Upgraded to=B
			A u1 02-12 Renewed value=10
			B u1 02-13 Created value=20`, "03-01", "", `
			A 02-10 voluntary 10 paid none-left back 02-12 after 2`},
		{"nothing reopens an upgraded one", `
			A u1 01-10 Created value=10
			A u1 02-10 Upgraded to=B
			B u1 02-12 Created value=20
			A u1 02-14 Renewed value=10
			A u1 02-15 Canceled`, "03-01", "", `
			A 02-12 plan_change 10 paid`},
	}, ends)
}

func trials(tables *metrics.Tables) []string {
	var out []string
	for _, l := range tables.Trials {
		text := fmt.Sprintf("%s %s-%s %s", l.SubscriptionID, date(l.StartedAt), maybeDate(l.EndsAt), l.Outcome)
		if l.ConvertedAt.Valid {
			text += " " + date(l.ConvertedAt.Millis)
		}
		if l.ConvertedBy != "" && l.ConvertedBy != l.SubscriptionID {
			text += " by " + l.ConvertedBy
		}
		out = append(out, text)
	}
	for _, c := range tables.TrialCohorts {
		text := fmt.Sprintf("%s: %d = %d + %d + %d", c.Month[5:], c.Trials, c.Converted, c.Lapsed, c.Open)
		if c.Immature {
			text += " immature"
		}
		out = append(out, text)
	}
	return out
}

func TestTrials(t *testing.T) {
	runTables(t, []tableCase{
		{"converted by the first Renewed of any value", `
			A u1 01-10 Created value=0 trial=01-24
			A u1 01-24 TrialEnded value=0
			A u1 01-24 Renewed
			A u1 02-24 Renewed value=10`, "03-01", "", `
			A 01-10-01-24 converted 01-24
			01: 1 = 1 + 0 + 0
			02: 0 = 0 + 0 + 0`},
		{"or by a TrialEnded above zero", `
			A u1 01-10 TrialStarted value=1 trial=01-24
			A u1 01-24 TrialEnded value=10`, "02-01", "", `
			A 01-10-01-24 converted 01-24
			01: 1 = 1 + 0 + 0`},
		{"the trial's own charge does not convert it", `
			A u1 01-10 Created value=1 trial=01-24
			A u1 01-24 TrialEnded
			A u1 01-24 Expired`, "02-01", "", `
			A 01-10-01-24 lapsed
			01: 1 = 0 + 1 + 0`},
		{"before the subscription's first end", `
			A u1 01-10 Created value=1 trial=01-24
			A u1 01-24 Expired
			A u1 01-25 Renewed value=10`, "02-01", "", `
			A 01-10-01-24 lapsed
			01: 1 = 0 + 1 + 0`},
		{"which may be before the trial", `
			A u1 01-01 Created value=10
			A u1 01-05 Expired
			A u1 01-06 Resumed
			A u1 01-10 TrialStarted trial=01-24
			A u1 01-24 Renewed value=10`, "02-01", "", `
			A 01-10-01-24 open
			01: 1 = 0 + 0 + 1 immature`},
		{"through a plan change the new subscription's first charge counts", `
			A u1 01-10 Created value=0 trial=01-24
			A u1 01-20 Upgraded to=B
			B u1 01-20 Created value=10
			C u2 01-10 Created value=0 trial=01-24
			C u2 01-20 Upgraded to=D
			D u2 01-20 Created value=0
			D u2 02-20 Renewed value=10
			E u3 01-10 Created value=0 trial=01-24
			E u3 01-20 Downgraded to=F
			F u3 01-20 Created
			F u3 01-22 Upgraded to=G
			G u3 01-23 Created value=3
			H u4 01-10 Created value=0 trial=01-24
			H u4 01-20 Downgraded to=I
			I u4 01-20 Created
			I u4 01-22 Canceled
			I u4 01-25 Renewed value=9`, "03-01", "", `
			A 01-10-01-24 converted 01-20 by B
			C 01-10-01-24 converted 02-20 by D
			E 01-10-01-24 converted 01-23 by G
			H 01-10-01-24 lapsed
			01: 4 = 3 + 1 + 0
			02: 0 = 0 + 0 + 0`},
		{"an earlier charge of the other subscription does not count", `
			A u1 01-10 Created value=0 trial=01-24
			B u1 01-02 Created value=10
			A u1 01-20 Upgraded to=B`, "02-01", "", `
			A 01-10-01-24 open
			01: 1 = 0 + 0 + 1 immature`},
		{"changes in a circle end the search", `
			A u1 01-10 Created value=0 trial=01-24
			B u1 01-11 Created
			A u1 01-20 Upgraded to=B
			B u1 01-21 Upgraded to=A`, "02-01", "", `
			A 01-10-01-24 open
			01: 1 = 0 + 0 + 1 immature`},
		{"immature while open and less than 30 days past its end", `
			A u1 01-10 Created value=0 trial=01-24`, "02-22T23:59", "", `
			A 01-10-01-24 open
			01: 1 = 0 + 0 + 1 immature
			02: 0 = 0 + 0 + 0`},
		{"30 days past its end it is mature", `
			A u1 01-10 Created value=0 trial=01-24`, "02-23", "", `
			A 01-10-01-24 open
			01: 1 = 0 + 0 + 1
			02: 0 = 0 + 0 + 0`},
		{"the days are those of the time zone", `
			A u1 01-10 Created value=0 trial=01-24T23:30`, "02-23T22:30", "Europe/Copenhagen", `
			A 01-10-01-24T23:30:00 open
			01: 1 = 0 + 0 + 1 immature
			02: 0 = 0 + 0 + 0`},
		{"without a known end, its TrialEnded is the end", `
			A u1 01-10 TrialStarted
			A u1 01-24 TrialEnded
			B u1 01-10 TrialStarted`, "02-23", "", `
			A 01-10-01-24 open
			B 01-10-NULL open
			01: 2 = 0 + 0 + 2 immature
			02: 0 = 0 + 0 + 0`},
		{"a gift has no trial", `
			A u1 01-10 Created value=0 trial=01-24 term=gift`, "02-01", "", `
			01: 0 = 0 + 0 + 0`},
	}, trials)
}

func dunning(tables *metrics.Tables) []string {
	var out []string
	for _, e := range tables.Episodes {
		out = append(out, fmt.Sprintf("%s %s-%s %d %s %s", e.SubscriptionID, date(e.StartedAt), maybeDate(e.EndedAt), e.Failures, e.Outcome, money(e.MRR)))
	}
	for _, d := range tables.Dunning {
		text := fmt.Sprintf("%s: %d = %d + %d + %d + %d, within %v", d.Month[5:], d.Episodes, d.Recovered, d.Lost, d.Changed, d.Open, d.RecoveredWithin)
		if d.Immature {
			text += " immature"
		}
		out = append(out, text)
	}
	return out
}

func TestDunning(t *testing.T) {
	runTables(t, []tableCase{
		{"an episode is one stay in fail_and_retry, which Renewed or Resumed recovers", `
			A u1 01-10 Created value=10
			A u1 02-10 PaymentFailed
			A u1 02-13 PaymentFailed
			A u1 02-14 Renewed value=10
			A u1 03-14 PaymentFailed
			A u1 03-15 Resumed`, "04-01", "", `
			A 02-10-02-14 2 recovered 10
			A 03-14-03-15 1 recovered 10
			01: 0 = 0 + 0 + 0 + 0, within [0 0 0]
			02: 1 = 1 + 0 + 0 + 0, within [1 1 1]
			03: 1 = 1 + 0 + 0 + 0, within [1 1 1]`},
		{"any end but a plan change loses it", `
			A u1 01-10 Created value=10
			A u1 01-12 PaymentFailed
			A u1 01-13 Canceled
			B u2 01-10 Created value=10
			B u2 01-12 PaymentFailed
			B u2 01-13 Expired
			C u3 01-10 Created value=10
			C u3 01-12 PaymentFailed
			C u3 01-13 Upgraded to=D
			D u3 01-14 Created value=10
			E u4 01-10 Created value=10
			E u4 01-12 PaymentFailed`, "02-01", "", `
			A 01-12-01-13 1 lost 10
			B 01-12-01-13 1 lost 10
			C 01-12-01-14 1 plan_change 10
			E 01-12-NULL 1 open 10
			01: 4 = 0 + 2 + 1 + 1, within [0 0 0] immature`},
		{"what is paid after the end is a win-back, and no recovery", `
			A u1 01-10 Created value=10
			A u1 01-12 PaymentFailed
			A u1 01-13 Expired
			A u1 01-14 Renewed value=10`, "02-01", "", `
			A 01-12-01-13 1 lost 10
			01: 1 = 0 + 1 + 0 + 0, within [0 0 0]`},
		{"recovered within N days means at most N × 24 hours after the first failure", `
			A u1 01-10 Created value=10
			A u1 03-25 PaymentFailed
			A u1 04-01 Renewed value=10
			B u2 01-10 Created value=10
			B u2 03-25 PaymentFailed
			B u2 04-01T00:00:01 Renewed value=10
			C u3 01-10 Created value=10
			C u3 03-25 PaymentFailed
			C u3 04-24 Renewed value=10`, "05-01", "Europe/Copenhagen", `
			A 03-25-04-01 1 recovered 10
			B 03-25-04-01T00:00:01 1 recovered 10
			C 03-25-04-24 1 recovered 10
			01: 0 = 0 + 0 + 0 + 0, within [0 0 0]
			02: 0 = 0 + 0 + 0 + 0, within [0 0 0]
			03: 3 = 3 + 0 + 0 + 0, within [1 2 3]
			04: 0 = 0 + 0 + 0 + 0, within [0 0 0]
			05: 0 = 0 + 0 + 0 + 0, within [0 0 0]`},
		{"a failure of a closed subscription is no episode, nor one of a gift", `
			A u1 01-10 Created value=10
			A u1 01-12 Canceled
			A u1 01-13 PaymentFailed
			B u1 01-10 Created term=gift
			B u1 01-13 PaymentFailed term=gift`, "02-01", "", `
			01: 0 = 0 + 0 + 0 + 0, within [0 0 0]`},
		{"the MRR of an episode is that after its first failure", `
			A u1 01-10 Created value=1 trial=01-20
			A u1 01-20 TrialEnded value=10
			A u1 01-20 PaymentFailed`, "02-01", "", `
			A 01-20-NULL 1 open 10
			01: 1 = 0 + 0 + 0 + 1, within [0 0 0] immature`},
		{"a failure and a renewal at one instant recover at once", `
			A u1 01-10 Created value=10
			A u1 01-12 PaymentFailed
			A u1 01-12 Renewed value=10`, "02-01", "", `
			A 01-12-01-12 1 recovered 10
			01: 1 = 1 + 0 + 0 + 0, within [1 1 1]`},
	}, dunning)
}

func retention(tables *metrics.Tables) []string {
	var out []string
	for _, c := range tables.Retention {
		text := fmt.Sprintf("%s+%d: %d %d %d", c.Cohort[5:], c.Age, c.Customers, c.Active, c.Unbroken)
		if c.Immature {
			text += " immature"
		}
		out = append(out, text)
	}
	return out
}

func TestRetention(t *testing.T) {
	runTables(t, []tableCase{
		{"active has MRR at the month end, unbroken has had it at every one since", `
			A u1 01-10 Created value=10
			B u2 01-10 Created value=10
			B u2 02-10 Expired
			B u2 03-10 Renewed value=10
			C u3 02-10 Created value=10
			C u3 02-20 Canceled`, "04-01", "", `
			01+0: 2 2 2
			01+1: 2 1 1
			01+2: 2 2 1
			02+0: 1 0 0
			02+1: 1 0 0
			03+0: 0 0 0`},
		{"the cohort is the month in which MRR first rose, not that of the start", `
			A u1 01-10 Created value=0 trial=02-05
			A u1 02-05 Renewed value=10`, "03-01", "", `
			01+0: 0 0 0
			01+1: 0 0 0
			02+0: 1 1 1`},
		{"discovered customers belong to no cohort", `
			A u1 01-10 Renewed value=10
			B u2 01-10 Created value=10
			C u2 01-12 Renewed value=10
			D u3 01-10 Renewed value=10
			D u3 01-12 Canceled`, "02-01", "", `
			01+0: 0 0 0`},
		{"cells of the month in progress are immature", `
			A u1 01-10 Created value=10`, "02-10", "", `
			01+0: 1 1 1
			01+1: 1 1 1 immature
			02+0: 0 0 0 immature`},
		{"a customer with several subscriptions and currencies is one", `
			A u1 01-10 Created value=10
			B u1 02-10 Created value=10
			A u1 02-20 Canceled
			snapshot A currency=DKK
			snapshot B currency=EUR`, "03-01", "", `
			01+0: 1 1 1
			01+1: 1 1 1
			02+0: 0 0 0`},
	}, retention)
}

func sales(tables *metrics.Tables) []string {
	var out []string
	for _, s := range tables.Sales {
		out = append(out, fmt.Sprintf("%s %s: %d %s, %d %s", s.Month[5:], s.Currency, s.ChargeCount, money(s.Charges), s.RefundCount, money(s.Refunds)))
	}
	for _, r := range tables.Revenue {
		out = append(out, fmt.Sprintf("%s %s %s|%s|%s|%s: %d %s, %d %s", r.Month[5:], r.Currency, r.Term, r.Resource, r.Country, r.Experience,
			r.ChargeCount, money(r.Charges), r.RefundCount, money(r.Refunds)))
	}
	return out
}

func TestRevenue(t *testing.T) {
	runTables(t, []tableCase{
		{"positive values are charges, negative ones refunds, and a failure's value is neither", `
			A u1 01-10 Created value=10 country=DK resource=News name=Basic experience=Wall
			A u1 02-10 PaymentFailed value=10 country=DK
			A u1 02-11 Renewed value=11 country=SE
			A u1 02-12 Upgraded value=4 name=Plus
			A u1 02-13 Canceled value=-6
			A u1 02-14 Refunded value=-1
			snapshot A currency=DKK`, "03-01", "", `
			01 DKK: 1 10, 0 0
			02 DKK: 2 15, 2 -7
			01 DKK Basic|News|DK|Wall: 1 10, 0 0
			02 DKK Basic|News|SE|Wall: 1 11, 0 0
			02 DKK Plus|News|SE|Wall: 1 4, 2 -7`},
		{"by the month of their event in the time zone", `
			A u1 01-31T23:30 Created value=10`, "02-20", "Europe/Copenhagen", `
			02 unknown: 1 10, 0 0
			02 unknown |||: 1 10, 0 0`},
		{"one charge that stands twice counts once", `
			A u1 01-10 Created value=1
			A u1 01-10 TrialStarted value=1 trial=01-20
			A u1 01-20 TrialEnded value=10
			A u1 01-20 Renewed value=10
			B u2 01-10 Created value=1
			B u2 01-10 TrialStarted value=2 trial=01-20
			B u2 01-20 TrialEnded value=10
			B u2 01-20T00:00:01 Renewed value=10
			C u3 01-10 Renewed value=3
			C u3 01-10 Resumed value=3`, "02-01", "", `
			01 unknown: 8 40, 0 0
			01 unknown |||: 8 40, 0 0`},
		{"of a term that counts at the event", `
			A u1 01-10 Created value=10 term=gift
			A u1 02-10 Renewed value=11 term=dynamic
			A u1 02-11 auto-off value=2 term=-
			B u1 01-10 Created value=10 term=-
			B u1 02-10 Renewed value=12 term=payment`, "03-01", "", `
			01 unknown: 0 0, 0 0
			02 unknown: 3 25, 0 0
			02 unknown |||: 3 25, 0 0`},
		{"a change that names another does not change what was sold", `
			A u1 01-10 Created value=10 name=Basic
			A u1 01-11 Upgraded value=5 name=Plus to=B term=gift`, "02-01", "", `
			01 unknown: 2 15, 0 0
			01 unknown Basic|||: 2 15, 0 0`},
		{"per currency, a row for every month and currency", `
			A u1 01-10 Created value=10
			B u1 02-10 Created value=20
			snapshot A currency=SEK
			snapshot B currency=EUR`, "03-01", "", `
			01 EUR: 0 0, 0 0
			01 SEK: 1 10, 0 0
			02 EUR: 1 20, 0 0
			02 SEK: 0 0, 0 0
			01 SEK |||: 1 10, 0 0
			02 EUR |||: 1 20, 0 0`},
	}, sales)
}

func changes(tables *metrics.Tables) []string {
	var out []string
	for _, c := range tables.Changes {
		text := fmt.Sprintf("%s %s %s", c.SubscriptionID, date(c.AnnouncedAt), c.Direction)
		if c.Target != "" {
			text += " to " + c.Target
		}
		text += fmt.Sprintf(" %s %s %s-%s", c.Outcome, maybeDate(c.EffectiveAt), money(c.MRRBefore), maybe(c.MRRAfter))
		if c.CurrencyAfter != "" && c.CurrencyAfter != c.Currency {
			text += " " + c.Currency + "-" + c.CurrencyAfter
		}
		out = append(out, text)
	}
	return out
}

func TestChanges(t *testing.T) {
	runTables(t, []tableCase{
		{"in place, MRR changes with the next Renewed", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded value=3 period=1_year
			A u1 02-10 auto-on period=-
			A u1 02-11 Renewed value=240 period=-
			B u1 01-10 Created value=10
			B u1 01-20 Downgraded to=B
			C u1 01-10 Created value=10
			C u1 01-20 Upgraded
			C u1 01-21 Canceled
			C u1 01-22 Renewed value=30`, "03-01", "", `
			A 01-20 upgrade effective 01-20 10-20
			B 01-20 downgrade effective 01-20 10-NULL
			C 01-20 upgrade effective 01-20 10-NULL`},
		{"to another, it takes effect at the target's first event", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded to=B
			A u1 02-10 Renewed value=11
			B u1 02-20 Created value=30
			C u1 01-10 Created value=10
			C u1 01-20 Downgraded to=D
			E u1 01-10 Created value=10
			E u1 01-20 Upgraded to=F
			E u1 02-10 Expired
			F u1 02-20 Created value=15
			snapshot A currency=SEK
			snapshot B currency=EUR
			snapshot C currency=SEK
			snapshot E currency=SEK
			snapshot F currency=SEK`, "03-01", "", `
			A 01-20 upgrade to B effective 02-20 11-30 SEK-EUR
			C 01-20 downgrade to D pending NULL 10-NULL
			E 01-20 upgrade to F effective 02-20 10-15`},
		{"a first event at the as-of time is not before it", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded to=B
			B u1 03-01 Created value=30`, "03-01", "", `
			A 01-20 upgrade to B pending NULL 10-NULL`},
		{"one that was replaced, or overtaken by an end, is void", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded to=B
			A u1 01-21 Upgraded to=C
			C u1 02-10 Created value=20
			D u1 01-10 Created value=10
			D u1 01-20 Upgraded to=E
			D u1 01-21 Canceled
			E u1 01-22 Created value=20`, "03-01", "", `
			A 01-20 upgrade to B void NULL 10-NULL
			A 01-21 upgrade to C effective 02-10 10-20
			D 01-20 upgrade to E void NULL 10-NULL`},
		{"changes of closed subscriptions and of gifts do not count", `
			A u1 01-10 Created value=10
			A u1 01-12 Canceled
			A u1 01-13 Upgraded to=B
			C u1 01-10 Created term=gift
			C u1 01-13 Upgraded term=gift`, "02-01", "", ``},
	}, changes)
}

func risks(tables *metrics.Tables) []string {
	var out []string
	for _, r := range tables.AtRisk {
		text := r.SubscriptionID
		for _, c := range []struct {
			name string
			is   bool
		}{{"off", r.AutoRenewOff}, {"failing", r.Failing}, {"overdue", r.Overdue}, {"trial", r.InTrial}} {
			if c.is {
				text += " " + c.name
			}
		}
		out = append(out, fmt.Sprintf("%s %s %s %s", text, maybeDate(r.TrialEndsAt), maybeDate(r.PeriodEndsAt), money(r.MRR)))
	}
	return out
}

func TestAtRisk(t *testing.T) {
	runTables(t, []tableCase{
		{"live subscriptions of terms that count, with a mark at the as-of time", `
			A u1 01-10 Created value=10 next=02-10
			B u1 01-10 Created value=10 next=02-10
			B u1 01-12 auto-off
			C u1 01-10 Created value=10 next=01-20
			C u1 01-20 PaymentFailed next=02-10
			D u1 01-10 Created value=10 next=01-20
			E u1 01-10 Created value=1 trial=02-01 next=02-01
			F u1 01-10 Created value=10
			F u1 01-12 auto-off
			F u1 01-13 Canceled
			G u1 01-10 Created term=gift
			G u1 01-12 auto-off term=gift
			H u1 01-10 Created value=10 trial=01-20 next=02-20
			I u1 01-10 Created value=10
			I u1 01-12 auto-off
			I u1 01-13 Resumed
			J u1 01-10 Created value=10
			J u1 01-12 auto-off
			J u1 01-13 auto-on`, "02-01", "", `
			B off NULL 02-10 10
			C failing overdue NULL 01-20 10
			D overdue NULL 01-20 10
			E trial 02-01 02-01 0`},
	}, risks)
}

func promos(tables *metrics.Tables) []string {
	var out []string
	for _, p := range tables.PromoCodes {
		out = append(out, fmt.Sprintf("%s %s: %d = %d + %d + %d; new %d live %d due-later %d full %d discounted %d; %s, %s %s, mrr %s",
			p.Code, p.Currency, p.Subscriptions, p.Redeemed, p.Reserved, p.Released, p.NewCustomers, p.Live, p.NotYetDue, p.FullPrice, p.Discounted,
			money(p.FirstDiscount), money(p.Charges), money(p.Refunds), money(p.MRR)))
	}
	return out
}

func TestPromoCodes(t *testing.T) {
	runTables(t, []tableCase{
		{"a code is judged at the first full-price renewal", `
			A u1 01-10 Created value=5
			A u1 02-10 Renewed value=10
			B u2 01-10 Created value=5
			C u3 01-10 Created value=5
			C u3 02-10 Renewed value=6
			C u3 02-11 Canceled value=-2
			D u1 01-12 Created value=10
			snapshot A promo=_spring20_ price=10 currency=DKK
			snapshot B promo=SPRING20 price=10 currency=DKK
			snapshot C promo=Spring20 price=10 currency=DKK
			snapshot D promo=SPRING20 price=10 currency=EUR`, "03-01", "", `
			SPRING20 DKK: 3 = 3 + 0 + 0; new 3 live 2 due-later 1 full 1 discounted 1; 15, 31 -2, mrr 15
			SPRING20 EUR: 1 = 1 + 0 + 0; new 0 live 1 due-later 1 full 0 discounted 0; 0, 10 0, mrr 10`},
		{"a subscription without a known charge is not yet due", `
			A u1 01-10 Created
			snapshot A promo=X price=10`, "02-01", "", `
			X unknown: 1 = 1 + 0 + 0; new 1 live 1 due-later 1 full 0 discounted 0; 0, 0 0, mrr 10`},
		{"a reserved code is not redeemed until the first charge after the trial", `
			A u1 01-10 Created value=0 trial=03-10
			B u2 01-10 Created value=0 trial=01-20
			B u2 01-20 Expired
			C u3 01-10 Created value=0 trial=01-20
			C u3 01-20 TrialEnded value=5
			C u3 01-20 Renewed value=5
			D u4 01-10 Created value=5 term=gift
			E u5 01-10 Created value=5
			snapshot A promo=X price=10
			snapshot B promo=X price=10
			snapshot C promo=X price=10
			snapshot D promo=X price=10
			snapshot E price=10`, "03-01", "", `
			X unknown: 3 = 1 + 1 + 1; new 1 live 1 due-later 1 full 0 discounted 1; 5, 5 0, mrr 5`},
	}, promos)
}
