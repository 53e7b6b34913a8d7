package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world/metrics"
)

// mrrCase is a sentence of docs/metrics.md and a life that was checked by hand. Figures
// are those at asOf, 2026-05-01 if empty.
type mrrCase struct {
	sentence string
	life     string
	asOf     string
	zone     string
	closings string
	moves    string
}

func TestMRR_sentences(t *testing.T) {
	for _, c := range []mrrCase{
		// Edges and time
		{"the end of a month counts events strictly before that instant", `
			A u1 01-10 Created value=12
			A u1 03-01 Renewed value=15
			A u1 04-01 Expired`,
			"", "", "12 12 15 0", "01 u1 new 12, 03 u1 expansion 3, 04 u1 churn/unknown 15"},
		{"a trial that ends exactly then has not ended yet", `
			A u1 01-10 Created value=12
			A u1 01-20 TrialStarted trial=03-01`,
			"", "", "0 0 12 12", "03 u1 new 12"},
		{"a trial that ends a millisecond earlier has ended", `
			A u1 01-10 Created value=12
			A u1 01-20 TrialStarted trial=02-28T23:59:59.999`,
			"", "", "0 12 12 12", "02 u1 new 12"},
		{"the time zone sets the edges: in Copenhagen February begins an hour early", `
			A u1 01-31T23:00 Created value=12`,
			"03-31T22:00", "Europe/Copenhagen", "12 12", "02 u1 new 12"},
		{"the same instants in UTC", `
			A u1 01-31T23:00 Created value=12`,
			"03-31T22:00", "", "12 12 12", "01 u1 new 12"},
		{"series are dense from the first event of any kind to the as-of time", `
			B u2 01-02 Created term=gift
			A u1 03-10 Created value=12
			snapshot B currency=DKK`,
			"04-02", "", "0+0 0+0 0+12 0+12", "03 u1 new 12"},
		{"the month in progress is shown at the as-of time", `
			A u1 01-10 Created value=12
			A u1 02-10 Renewed value=20
			A u1 02-20 Renewed value=30`,
			"02-15", "", "12 20", "01 u1 new 12, 02 u1 expansion 8"},
		{"an event at the as-of time does not count", `
			A u1 01-10 Created value=12
			A u2 02-10 Renewed value=20
			B u3 02-10 Created value=5`,
			"02-10", "", "12 12", "01 u1 new 12"},
		{"a late-dated Created goes first only once it has happened", `
			A u1 01-10 Renewed value=12
			A u1 01-12 auto-off
			A u1 02-10 Created value=5`,
			"03-01", "", "12 12", "01 u1 discovered 12"},

		// What counts
		{"a gift does not count", `
			A u1 01-10 Created value=12 term=gift`, "02-01", "", "0", ""},
		{"a dynamic term counts", `
			A u1 01-10 Created value=12 term=dynamic`, "02-01", "", "12", "01 u1 new 12"},
		{"an unknown type does not count", `
			A u1 01-10 Created value=12 term=-`, "02-01", "", "0", ""},
		{"a change of type acts from its event on", `
			A u1 01-10 Created value=12 term=gift
			A u1 02-10 Renewed value=12 term=payment
			A u1 03-10 Renewed value=12 term=gift`,
			"04-01", "", "0 12 0", "02 u1 new 12, 03 u1 churn/unknown 12"},
		{"the latest known type counts, not one from a change that names another", `
			A u1 01-10 Created value=12
			A u1 01-20 Upgraded term=gift to=B
			A u1 02-10 auto-off term=-`,
			"03-01", "", "12 12", "01 u1 new 12"},
		{"fail_and_retry counts until Expired", `
			A u1 01-10 Created value=12
			A u1 02-10 PaymentFailed value=12
			A u1 03-10 Expired`,
			"04-01", "", "12 12 0", "01 u1 new 12, 03 u1 churn/involuntary 12"},
		{"an overdue subscription stays in MRR", `
			A u1 01-10 Created value=12 next=02-10`, "04-01", "", "12 12 12", "01 u1 new 12"},
		{"a subscription belongs to the newest user id, and a change of id is never churn", `
			A u1 01-10 Created value=12
			A u2 03-10 Renewed value=12`,
			"04-01", "", "12 12 12", "01 u2 new 12"},
		{"an absent user id is no change", `
			A u1 01-10 Created value=12
			A - 03-10 Renewed value=12`,
			"04-01", "", "12 12 12", "01 u1 new 12"},
		{"without a user id the subscription is its own customer", `
			A - 01-10 Created value=12
			B - 01-10 Created value=5
			B - 02-10 Canceled`,
			"03-01", "", "17 12", "01 (A) new 12, 01 (B) new 5, 02 (B) churn/voluntary 5"},
		{"internal subscriptions are hidden, but complete a change", `
			A u1 01-10 Created value=12
			A u1 01-20 Upgraded to=B
			B u1 02-10 Created value=50
			snapshot B internal=`,
			"03-01", "", "12 0", "01 u1 new 12, 02 u1 churn/unknown 12"},

		// Price and MRR
		{"a year is 12 months", `A u1 01-10 Created value=100 period=1_year`, "02-01", "", "8.3333", "01 u1 new 8.3333"},
		{"two years are 24", `A u1 01-10 Created value=100 period=2_years`, "02-01", "", "4.1667", "01 u1 new 4.1667"},
		{"a week is 12 ÷ 52", `A u1 01-10 Created value=3 period=1_week`, "02-01", "", "13", "01 u1 new 13"},
		{"two weeks", `A u1 01-10 Created value=3 period=2_weeks`, "02-01", "", "6.5", "01 u1 new 6.5"},
		{"a day is 12 ÷ 365", `A u1 01-10 Created value=1 period=1_day`, "02-01", "", "30.4167", "01 u1 new 30.4167"},
		{"rounded half away from zero", `A u1 01-10 Created value=0.0001 period=2_months`, "02-01", "", "0.0001", "01 u1 new 0.0001"},
		{"sums are of rounded values", `
			A u1 01-10 Created value=10 period=3_months
			B u1 01-10 Created value=10 period=3_months
			C u1 01-10 Created value=10 period=3_months`,
			"02-01", "", "9.9999", "01 u1 new 9.9999"},
		{"the price comes from the first Created", `
			A u1 01-10 Created value=12
			A u1 02-10 Created value=20`,
			"03-01", "", "12 12", "01 u1 new 12"},
		{"and from TrialEnded above zero", `
			A u1 01-10 Created trial=02-10
			A u1 02-10 TrialEnded value=12
			A u1 03-10 TrialEnded value=0`,
			"04-01", "", "0 12 12", "02 u1 new 12"},
		{"and from Renewed, zero included: zero is zero", `
			A u1 01-10 Created value=12
			A u1 02-10 Renewed value=0
			A u1 03-10 Renewed value=9`,
			"04-01", "", "12 0 9", "01 u1 new 12, 02 u1 churn/unknown 12, 03 u1 reactivation 9"},
		{"a negative value is no price", `
			A u1 01-10 Created value=12
			A u1 02-10 Renewed value=-5`,
			"03-01", "", "12 12", "01 u1 new 12"},
		{"and from Resumed", `
			A u1 01-10 Created value=12
			A u1 02-10 Resumed value=20`,
			"03-01", "", "12 20", "01 u1 new 12, 02 u1 expansion 8"},
		{"a zero on a Resumed of a live subscription is not a price", `
			A u1 01-10 Created value=12
			A u1 02-10 Resumed value=0`,
			"03-01", "", "12 12", "01 u1 new 12"},
		{"a zero on a Resumed of a closed one is", `
			A u1 01-10 Created value=12
			A u1 02-10 Expired
			A u1 02-20 Resumed value=0`,
			"03-01", "", "12 0", "01 u1 new 12, 02 u1 churn/unknown 12"},
		{"values on other actions are never prices", `
			A u1 01-10 Created value=12
			A u1 01-11 PaymentFailed value=99
			A u1 01-12 Renewed
			A u1 01-13 auto-off value=98
			A u1 01-14 auto-on value=97
			A u1 01-15 Upgraded value=96 to=B
			A u1 01-16 Downgraded value=95
			A u1 01-17 Refunded value=-12`,
			"02-01", "", "12", "01 u1 new 12"},
		{"MRR is zero while in trial", `
			A u1 01-10 Created value=12
			A u1 02-10 TrialStarted trial=03-10
			A u1 03-11 TrialEnded`,
			"04-01", "", "12 0 12", "01 u1 new 12, 02 u1 churn/unknown 12, 03 u1 reactivation 12"},
		{"a value on TrialStarted is the trial's charge", `
			A u1 01-10 TrialStarted value=1 trial=02-05
			A u1 02-10 auto-off`,
			"03-01", "", "0 0", ""},
		{"so is one on a Created that starts a trial", `
			A u1 01-10 Created value=1 trial=02-05
			A u1 02-10 auto-off`,
			"03-01", "", "0 0", ""},
		{"also by a TrialStarted at the same instant", `
			A u1 01-10 Created value=1
			A u1 01-10 TrialStarted trial=02-05
			A u1 02-10 auto-off`,
			"03-01", "", "0 0", ""},
		{"the value of a Created is a price if its trial has ended", `
			A u1 01-10 Created value=12 trial=01-10`,
			"02-01", "", "12", "01 u1 new 12"},
		{"an absent value carries the last price with the period known when it was charged", `
			A u1 01-10 Created value=12 period=1_month
			A u1 02-10 Renewed period=1_year
			A u1 03-10 Renewed value=60 period=-`,
			"04-01", "", "12 12 5", "01 u1 new 12, 03 u1 contraction 7"},
		{"a price charged before a period was known takes the first period known", `
			A u1 01-10 Created value=12 period=-
			A u1 02-10 auto-off period=3_months`,
			"03-01", "", "0 4", "02 u1 new 4"},
		{"or the period of the snapshot", `
			A u1 01-10 Created value=12 period=-
			snapshot A period=1_year`,
			"02-01", "", "1", "01 u1 new 1"},
		{"TrialEnded ends a trial before its date", `
			A u1 01-10 Created value=12
			A u1 01-11 TrialStarted trial=03-10
			A u1 01-20 TrialEnded`,
			"02-01", "", "12", "01 u1 new 12"},
		{"the value of an Upgraded in place changes nothing until the next Renewed", `
			A u1 01-10 Created value=12
			A u1 01-20 Upgraded value=7 period=1_year
			A u1 02-10 Renewed value=240 period=-`,
			"03-01", "", "12 20", "01 u1 new 12, 02 u1 expansion 8"},
		{"the basis is the list price until one charge is known", `
			A u1 01-10 Created
			A u1 02-10 Renewed value=7
			A u1 03-10 Renewed
			snapshot A price=120 period=1_year currency=EUR`,
			"04-01", "", "10 7 7", "01 u1 new 10 EUR, 02 u1 contraction 3 EUR"},
		{"a basis never returns to list", `
			A u1 01-10 Created value=0
			A u1 02-10 Renewed
			snapshot A price=10`,
			"03-01", "", "0 0", ""},
		{"the list price comes from the plan text without one in the snapshot", `
			A u1 01-10 Created period=-
			snapshot A plan=[1_USD|1_month|1][120_USD|12_months|*]`,
			"02-01", "", "10", "01 u1 new 10 USD"},
		{"the list price of a trial is no revenue before its first charge", `
			A u1 01-10 Created value=0 trial=01-24
			A u1 01-25 PaymentFailed
			A u1 02-08 Expired
			snapshot A price=10`,
			"03-01", "", "0 0", ""},
		{"a renewal without a value is a charge of the list price", `
			A u1 01-10 Created value=0 trial=01-24
			A u1 01-24 Renewed
			snapshot A price=10`,
			"02-01", "", "10", "01 u1 new 10"},
		{"amounts are per currency, unknown included", `
			A u1 01-10 Created value=12
			B u1 01-10 Created value=5
			C u2 01-10 Created value=3
			snapshot A currency=EUR
			snapshot B plan=[5_SEK|1_month|*]`,
			"02-01", "", "12+5+3", "01 u1 new 12 EUR, 01 u1 new 5 SEK, 01 u2 new 3"},

		// Movements
		{"10, 0, 0, 10 reads new, churn, none, reactivation", `
			A u1 01-10 Created value=10
			A u1 02-10 Expired
			A u1 04-10 Renewed value=10`,
			"", "", "10 0 0 10", "01 u1 new 10, 02 u1 churn/unknown 10, 04 u1 reactivation 10"},
		{"discovered if a subscription that contributes has no Created", `
			A u1 01-10 Created value=10
			B u1 01-12 Renewed value=5`,
			"02-01", "", "15", "01 u1 discovered 15"},
		{"new if the one without a Created does not contribute", `
			A u1 01-10 Created value=10
			B u1 01-12 auto-off
			C u1 01-12 Renewed value=5 term=gift`,
			"02-01", "", "10", "01 u1 new 10"},
		{"reactivation only if an earlier month end was above zero", `
			A u1 01-10 Created value=10
			A u1 01-20 Canceled
			B u1 02-10 Created value=10`,
			"03-01", "", "0 10", "02 u1 new 10"},
		{"churn when MRR falls to zero in all currencies together", `
			A u1 01-10 Created value=10
			B u1 01-10 Created value=20
			A u1 02-10 Canceled
			B u1 03-10 Canceled
			snapshot A currency=DKK
			snapshot B currency=EUR`,
			"04-01", "", "10+20 0+20 0+0",
			"01 u1 new 10 DKK, 01 u1 new 20 EUR, 02 u1 contraction 10 DKK, 03 u1 churn/voluntary 20 EUR"},
		{"churn of several currencies at once", `
			A u1 01-10 Created value=10
			B u1 01-10 Created value=20
			A u1 02-10 Canceled
			B u1 02-10 Canceled
			snapshot A currency=DKK
			snapshot B currency=EUR`,
			"03-01", "", "10+20 0+0",
			"01 u1 new 10 DKK, 01 u1 new 20 EUR, 02 u1 churn/voluntary 10 DKK, 02 u1 churn/voluntary 20 EUR"},
		{"another currency is expansion for a customer with MRR", `
			A u1 01-10 Created value=10
			B u1 02-10 Created value=20
			snapshot A currency=DKK
			snapshot B currency=EUR`,
			"03-01", "", "10+0 10+20", "01 u1 new 10 DKK, 02 u1 expansion 20 EUR"},
		{"a customer with another subscription contracts and does not churn", `
			A u1 01-10 Created value=10
			B u1 01-10 Created value=20
			A u1 02-10 Expired`,
			"03-01", "", "30 20", "01 u1 new 30, 02 u1 contraction 10"},
		{"movements are net: MRR that falls and returns within a month is unchanged", `
			A u1 01-10 Created value=10
			A u1 02-10 Expired
			A u1 02-20 Resumed value=10`,
			"03-01", "", "10 10", "01 u1 new 10"},
		{"there is no MRR between an Expired with a change pending and the new one's first event", `
			A u1 01-10 Created value=10
			A u1 01-20 Upgraded to=B
			A u1 02-10 Expired
			B u1 03-10 Created value=30`,
			"04-01", "", "10 0 30", "01 u1 new 10, 02 u1 churn/unknown 10, 03 u1 reactivation 30"},
		{"a change takes effect at the target's first event", `
			A u1 01-10 Created value=10
			A u1 01-20 Downgraded to=B
			B u1 02-01 Created value=4`,
			"03-01", "", "10 4", "01 u1 new 10, 02 u1 contraction 6"},
		{"a first event at the edge is not before it", `
			A u1 01-10 Created value=10
			A u1 01-20 Downgraded to=B
			B u1 03-01 Created value=4`,
			"04-01", "", "10 10 4", "01 u1 new 10, 03 u1 contraction 6"},
		{"churned MRR has the kind of the last end of that month which had MRR", `
			A u1 01-10 Created value=10
			B u1 01-10 Created value=20
			C u1 01-10 Created value=0
			B u1 02-03 Canceled
			A u1 02-05 PaymentFailed
			A u1 02-10 Expired
			C u1 02-20 Canceled`,
			"03-01", "", "30 0", "01 u1 new 30, 02 u1 churn/involuntary 30"},
		{"never voluntary by default", `
			A u1 01-10 Created value=10
			A u1 02-10 Expired`,
			"03-01", "", "10 0", "01 u1 new 10, 02 u1 churn/unknown 10"},
		{"auto-renew that was turned off makes it voluntary", `
			A u1 01-10 Created value=10
			A u1 01-20 auto-off
			A u1 02-10 Expired`,
			"03-01", "", "10 0", "01 u1 new 10, 02 u1 churn/voluntary 10"},
		{"the end of a trial that never paid is no churn", `
			A u1 01-10 Created value=1 trial=02-10
			A u1 02-10 TrialEnded
			A u1 02-10 Expired
			snapshot A price=10`,
			"03-01", "", "0 0", ""},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			asOf := c.asOf
			if asOf == "" {
				asOf = "05-01"
			}
			in := parse(t, c.life, asOf)
			if c.zone != "" {
				zone, err := time.LoadLocation(c.zone)
				if err != nil {
					t.Fatal(err)
				}
				in.Zone = zone
			}
			tables := compute(t, in)
			if got := closings(tables); got != c.closings {
				t.Errorf("closings are %s\nnot          %s", got, c.closings)
			}
			if got := moves(tables); got != c.moves {
				t.Errorf("movements are %s\nnot           %s", got, c.moves)
			}
		})
	}
}

func TestMRR_customers_and_churn_rate(t *testing.T) {
	tables := compute(t, parse(t, `
		A u1 01-10 Created value=10
		B u2 01-10 Created value=10
		B u2 02-10 Canceled
		C u3 02-11 Created value=10
		C u3 02-12 Canceled
		D u4 03-11 Created value=10
		E u2 04-11 Created value=10
		snapshot A currency=EUR
		snapshot B currency=EUR
		snapshot C currency=EUR
		snapshot D currency=EUR
		snapshot E currency=EUR`, "05-01"))
	// Who came and left within February, u3, is in neither number of the rate.
	want := []metrics.Customers{
		{Month: "2026-01", New: 2, Closing: 2, Complete: true},
		{Month: "2026-02", Opening: 2, Churned: 1, ChurnedVoluntary: 1, Closing: 1, Complete: true},
		{Month: "2026-03", Opening: 1, New: 1, Closing: 2, Complete: true},
		{Month: "2026-04", Opening: 2, Reactivated: 1, Closing: 3, Complete: true},
	}
	for i, w := range want {
		if tables.Customers[i] != w {
			t.Errorf("have %+v\nwant %+v", tables.Customers[i], w)
		}
	}
}

func TestMRR_value_of_a_customer(t *testing.T) {
	tables := compute(t, parse(t, `
		A u1 01-10 Created value=10
		B u2 01-10 Created value=20
		C u3 01-10 Created value=2
		C u3 02-10 Expired
		B u2 03-10 Renewed value=21
		B u2 05-02 Expired`, "05-10"))
	// The mean rate of February: its month before has no rate, 1/3. March: (1/3 + 0)/2.
	// April: (1/3 + 0 + 0)/3. May is not complete, so the same months as in April count.
	var got []string
	for _, r := range tables.MRR {
		got = append(got, maybe(r.ARPU)+" "+maybe(r.LTV))
	}
	if want := "10.6667 NULL, 15 45, 15.5 93, 15.5 139.5, 10 90"; strings.Join(got, ", ") != want {
		t.Errorf("ARPU and LTV are %s\nnot              %s", strings.Join(got, ", "), want)
	}
}

func TestMRR_value_without_churn_for_three_months(t *testing.T) {
	tables := compute(t, parse(t, `
		A u1 01-10 Created value=10
		B u2 01-10 Created value=20
		C u3 01-10 Created value=30
		C u3 02-10 Expired`, "06-01"))
	var got []string
	for _, r := range tables.MRR {
		got = append(got, maybe(r.LTV))
	}
	if want := "NULL, 45, 90, 135, NULL"; strings.Join(got, ", ") != want {
		t.Errorf("LTV is %s, not %s", strings.Join(got, ", "), want)
	}
}

func TestMRR_overdue_has_its_own_line(t *testing.T) {
	tables := compute(t, parse(t, `
		A u1 01-10 Created value=12 next=02-22
		B u1 01-10 Created value=5 next=02-21T23:59:59.999
		C u1 01-10 Created value=3 next=02-10
		C u1 02-10 PaymentFailed next=04-01`, "03-02"))
	// At the end of February A is past its period by seven days exactly, B by more. The
	// retry of C is no period end.
	want := []string{"0", "8", "20"}
	for i, r := range tables.MRR {
		if got := money(r.OverdueMRR); got != want[i] || r.Closing != 20_0000 {
			t.Errorf("%s: overdue MRR is %s of %s, not %s of 20", r.Month, got, money(r.Closing), want[i])
		}
	}
}
