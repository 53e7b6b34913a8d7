package reconcile

import (
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

func TestFromAPI_PriceAndPeriod(t *testing.T) {
	yes, at, none, one := true, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 0, 1
	for name, c := range map[string]struct {
		s                       piano.Subscription
		period, price, currency string
		unread                  bool
	}{
		"term_plan":                {s: piano.Subscription{Term: piano.Term{BillingPlan: "[19.99 USD|1 month|*]"}}, period: "1 month", price: "19.99", currency: "USD"},
		"own_plan":                 {s: piano.Subscription{BillingPlan: "$119.99 per year"}, period: "1 year", price: "119.99"},
		"term_first":               {s: piano.Subscription{BillingPlan: "$5 per month", Term: piano.Term{BillingPlan: "[9 EUR|1 month|*]"}}, period: "1 month", price: "9", currency: "EUR"},
		"own_instead":              {s: piano.Subscription{BillingPlan: "$5 per month", Term: piano.Term{BillingPlan: "what?"}}, period: "1 month", price: "5"},
		"both_unread":              {s: piano.Subscription{BillingPlan: "eh", Term: piano.Term{BillingPlan: "what?"}}, unread: true},
		"own_unread":               {s: piano.Subscription{BillingPlan: "eh"}, unread: true},
		"no_plan":                  {s: piano.Subscription{}},
		"after_trial":              {s: piano.Subscription{Term: piano.Term{BillingPlan: "[1 USD|1 month|1][119.99 USD|12 months|*]", FirstPrice: "1"}}, period: "1 year", price: "119.99", currency: "USD"},
		"first_price":              {s: piano.Subscription{BillingPlan: "every 3 months", Term: piano.Term{FirstPrice: "27.00005", Currency: "EUR"}}, period: "3 months", price: "27.0001", currency: "EUR"},
		"first_price_is_a_trial's": {s: piano.Subscription{BillingPlan: "every 3 months", TrialEndsAt: &at, Term: piano.Term{FirstPrice: "1"}}, period: "3 months"},
		"term_has_a_free_trial":    {s: piano.Subscription{BillingPlan: "every 3 months", Term: piano.Term{FirstPrice: "1", HasFreeTrial: &yes}}, period: "3 months"},
		"unread_has_no_price":      {s: piano.Subscription{BillingPlan: "eh", Term: piano.Term{FirstPrice: "1"}}, unread: true},
		"absurd_price":             {s: piano.Subscription{BillingPlan: "every month", Term: piano.Term{FirstPrice: "1e99999999"}}, period: "1 month"},
		"too_large":                {s: piano.Subscription{BillingPlan: "every month", Term: piano.Term{FirstPrice: "100000000000000"}}, period: "1 month"},
	} {
		got := FromAPI(c.s)
		amount := ""
		if got.RegularPrice != nil {
			amount = got.RegularPrice.String()
		}
		if got.BillingPeriod != c.period || amount != c.price || got.Currency != c.currency || got.UnreadPlan != c.unread {
			t.Errorf("%s: got %q %q %q unread %v, want %q %q %q %v", name, got.BillingPeriod, amount, got.Currency, got.UnreadPlan, c.period, c.price, c.currency, c.unread)
		}
	}
	for _, c := range []struct {
		s    piano.Subscription
		want string
	}{
		{piano.Subscription{Status: "active"}, ""},
		{piano.Subscription{Status: "fail_and_retry"}, ""},
		{piano.Subscription{Status: "expired_with_error"}, "payment_failed"},
		{piano.Subscription{Status: "upgraded"}, "plan_change"},
		{piano.Subscription{Status: "completed"}, "fixed_term_completed"},
		{piano.Subscription{Status: "deleted"}, "deleted"},
		{piano.Subscription{Status: "cancelled", TrialEndsAt: &at, ChargeCount: &none}, "canceled"},
		{piano.Subscription{Status: "expired", TrialEndsAt: &at, ChargeCount: &none}, "trial_not_converted"},
		{piano.Subscription{Status: "expired", TrialEndsAt: &at, ChargeCount: &one}, "unknown"},
		{piano.Subscription{Status: "expired", TrialEndsAt: &at}, "unknown"},
		{piano.Subscription{Status: "expired", ChargeCount: &none}, "unknown"},
	} {
		if got := FromAPI(c.s).ExpiryReason; got != c.want {
			t.Errorf("%+v: got %q, want %q", c.s, got, c.want)
		}
	}
	if got := expiryReason("expired", false, true); got != "auto_renew_off" {
		t.Errorf("expired with a known date: %q", got)
	}
}
