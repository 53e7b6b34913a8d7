package subscriber

import (
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/schemas"
)

var now = time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)

func on(text string) *time.Time {
	t, err := time.Parse("2006-01-02", text)
	if err != nil {
		panic(err)
	}
	return &t
}

func amount(text string) *decimal.Decimal { return new(decimal.RequireFromString(text)) }

// TestSummary is the first line that a care agent reads.
func TestSummary(t *testing.T) {
	danish := &API{Currency: new("DKK"), RegularPrice: amount("149"), Status: "active"}
	for want, s := range map[string]Subscription{
		"active, renews 3 Dec 2026 for 99 DKK":                      {State: &State{Status: "active", AutoRenew: new(true), PeriodEndsAt: on("2026-12-03"), Price: amount("99.0000")}, API: danish},
		"active, renews 3 Dec 2026 for 149 DKK":                     {State: &State{Status: "active", AutoRenew: new(true), PeriodEndsAt: on("2026-12-03")}, API: danish},
		"active, renews 3 Dec 2026 for 9.90":                        {State: &State{Status: "active", AutoRenew: new(true), PeriodEndsAt: on("2026-12-03"), Price: amount("9.9")}},
		"active, renews 3 Dec 2026":                                 {State: &State{Status: "active", AutoRenew: new(true), PeriodEndsAt: on("2026-12-03")}},
		"active, next billing date unknown":                         {State: &State{Status: "active", AutoRenew: new(true)}},
		"in a trial until 5 Dec 2026, renews 5 Dec 2026 for 99 DKK": {State: &State{Status: "active", InTrial: true, TrialEndsAt: on("2026-12-05"), AutoRenew: new(true), PeriodEndsAt: on("2026-12-05"), Price: amount("99")}, API: danish},
		"in a trial until 5 Dec 2026, will not renew: auto-renew off since 20 Nov 2026; access until 5 Dec 2026": {State: &State{Status: "active", InTrial: true,
			TrialEndsAt: on("2026-12-05"), AutoRenew: new(false), AutoRenewDisabledAt: on("2026-11-20"), PeriodEndsAt: on("2026-12-05")}},
		"active, was due to renew 20 Nov 2026, and no event says that it did":                   {State: &State{Status: "active", AutoRenew: new(true), PeriodEndsAt: on("2026-11-20"), Price: amount("99")}},
		"active, the period ends 3 Dec 2026; whether it renews is unknown":                      {State: &State{Status: "active", PeriodEndsAt: on("2026-12-03"), Price: amount("99")}},
		"will not renew: auto-renew off since 20 Nov 2026; access until 3 Dec 2026":             {State: &State{Status: "active", AutoRenew: new(false), AutoRenewDisabledAt: on("2026-11-20"), PeriodEndsAt: on("2026-12-03")}},
		"will not renew: auto-renew off; the end of access is unknown":                          {State: &State{Status: "active", AutoRenew: new(false)}},
		"will not renew: auto-renew off since 1 Nov 2026; access should have ended 20 Nov 2026": {State: &State{Status: "active", AutoRenew: new(false), AutoRenewDisabledAt: on("2026-11-01"), PeriodEndsAt: on("2026-11-20")}},
		"payment failed twice since 20 Nov 2026, next retry unknown":                            {State: &State{Status: "fail_and_retry", FailedPayments: 2, FailedSince: on("2026-11-20"), AutoRenew: new(true)}},
		"payment failed once since 27 Nov 2026, next retry 30 Nov 2026":                         {State: &State{Status: "fail_and_retry", FailedPayments: 1, FailedSince: on("2026-11-27"), NextRetryAt: on("2026-11-30")}},
		"payment failed 3 times since 1 Nov 2026, auto-renew off since 5 Nov 2026":              {State: &State{Status: "fail_and_retry", FailedPayments: 3, FailedSince: on("2026-11-01"), AutoRenew: new(false), AutoRenewDisabledAt: on("2026-11-05")}},
		"active, changes to subscription RC2 when that one starts, renews 3 Dec 2026 for 99":    {State: &State{Status: "active", ChangePending: true, ChangeTo: new("RC2"), AutoRenew: new(true), PeriodEndsAt: on("2026-12-03"), Price: amount("99")}},
		"ended 1 Nov 2026: the payment failed":                                                  {State: &State{Status: "expired_with_error", Closed: true, EndedAt: on("2026-11-01"), EndReason: new("payment_failed")}},
		"ended 1 Nov 2026: auto-renew was off since 20 Oct 2026":                                {State: &State{Status: "expired", Closed: true, EndedAt: on("2026-11-01"), EndReason: new("auto_renew_off"), AutoRenewDisabledAt: on("2026-10-20")}},
		"ended 1 Nov 2026: replaced by another subscription":                                    {State: &State{Status: "upgraded", Closed: true, EndedAt: on("2026-11-01"), EndReason: new("plan_change")}},
		"no known action yet":                       {State: &State{}},
		"no stored events; Piano's API says active": {API: danish},
	} {
		t.Run(want, func(t *testing.T) {
			if got := s.summary(now); got != want {
				t.Errorf("got %q", got)
			}
		})
	}
}

// TestMoney_CountsAChargeOnce: the pair of events at the end of a trial reports one charge.
// A failed attempt is no payment, and a refund is negative.
func TestMoney_CountsAChargeOnce(t *testing.T) {
	at := func(day string, action, value string) Event {
		return Event{At: *on(day), Action: action, Value: amount(value)}
	}
	s := Subscription{API: &API{Currency: new("EUR")}, Timeline: []Event{
		at("2026-01-01", schemas.Created, "1"), at("2026-01-01", schemas.TrialStarted, "1"),
		at("2026-01-15", schemas.TrialEnded, "10"), at("2026-01-15", schemas.Renewed, "10.0000"),
		at("2026-02-15", schemas.PaymentFailed, "10"), at("2026-02-16", schemas.Renewed, "10"), at("2026-02-17", schemas.Renewed, "10"),
		at("2026-02-20", "Refunded", "-4.5"), at("2026-03-01", schemas.Renewed, "0"),
	}}
	s.addMoney()
	if len(s.Money) != 1 {
		t.Fatalf("%+v", s.Money)
	}
	m := s.Money[0]
	if m.Currency != "EUR" || m.Paid.String() != "31" || m.Payments != 4 || m.Refunded.String() != "4.5" || m.Refunds != 1 {
		t.Errorf("%+v", m)
	}
}
