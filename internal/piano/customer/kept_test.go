package customer_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// What an application has is read again after some minutes, and at once where something
// is missing in it: it may be new.
func TestClient_ReadsTheApplicationAgain(t *testing.T) {
	body := `{"code":0,"features":{"subscription_restrictions":{"allow_enable_auto_renew":true}}}`
	asked := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		_, _ = w.Write([]byte(body))
	}))
	defer s.Close()
	c, _ := client(t, s.URL, "app", "canary-token")
	now := time.Now()
	customer.SetClock(c, func() time.Time { return now })
	features := func() customer.Features {
		f, err := c.Features(t.Context())
		if err != nil {
			t.Error(err)
		}
		return f
	}
	if f := features(); !f.EnableAutoRenew || !features().EnableAutoRenew || asked != 1 {
		t.Errorf("%+v after %d requests", f, asked)
	}
	body = `{"code":0,"features":{"subscription_restrictions":{"allow_enable_auto_renew":false}}}`
	now = now.Add(6 * time.Minute)
	if f := features(); f.EnableAutoRenew || asked != 2 {
		t.Errorf("later: %+v after %d requests", f, asked)
	}
	body, asked = `{"code":0,"total":1,"resources":[{"rid":"R1","name":"All"}]}`, 0
	if r, err := c.Resource(t.Context(), "R1"); err != nil || r.Name != "All" {
		t.Errorf("%+v, %v", r, err)
	}
	for range 3 {
		if _, err := c.Resource(t.Context(), "R2"); !errors.Is(err, piano.ErrNotFound) {
			t.Errorf("R2: %v", err)
		}
	}
	if asked != 1 {
		t.Errorf("%d requests for a list that was read just now", asked)
	}
	body = `{"code":0,"total":2,"resources":[{"rid":"R1","name":"All"},{"rid":"R2","name":"New"}]}`
	now = now.Add(time.Minute)
	if r, err := c.Resource(t.Context(), "R2"); err != nil || r.Name != "New" || asked != 2 {
		t.Errorf("a new resource: %+v, %v after %d requests", r, err, asked)
	}
}

func TestTermsFor(t *testing.T) {
	c, _ := fixed(t, 200, `{"code":0,"total":4,"terms":[{"term_id":"T1","type":"payment","change_options":[{"to_term_id":"T3"}]},{"term_id":"T2","type":"dynamic","name":"Two"},
		{"term_id":"T3","type":"payment","payment_billing_plan":"[9.00 EUR|1 month|*]"},{"term_id":"T4","type":"registration"}]}`)
	for from, want := range map[string]string{"T1": "T3", "T2": "T1 T3", "unknown": "T1 T2 T3"} {
		all, err := c.TermsFor(t.Context(), from)
		got := ""
		for i, one := range all {
			if i > 0 {
				got += " "
			}
			got += one.ID
		}
		if err != nil || got != want {
			t.Errorf("from %s: %s, %v", from, got, err)
		}
	}
	if one, err := c.Term(t.Context(), "T3"); err != nil || one.Price() != "9.00 EUR for 1 month" {
		t.Errorf("%+v, %v", one, err)
	}
	if _, err := c.Term(t.Context(), "T9"); !errors.Is(err, piano.ErrNotFound) {
		t.Errorf("T9: %v", err)
	}
}

func TestPlanText(t *testing.T) {
	for plan, want := range map[string]string{
		"[29.97 EUR|3 months|*]": "29.97 EUR for 3 months", "[1.00 EUR | 1 month | 3][9.00 EUR | 1 month | *]": "1.00 EUR for 1 month, 3 times, then 9.00 EUR for 1 month",
		"": "an amount that Piano does not say", "9.00 EUR monthly": "9.00 EUR monthly",
	} {
		if got := customer.PlanText(plan); got != want {
			t.Errorf("%q: %q", plan, got)
		}
	}
}
