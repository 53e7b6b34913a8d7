package instance_test

import (
	"bytes"
	"flag"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
)

var screenshots = flag.String("screenshots", "", "`DIR` for pictures of all pages; without it few are taken, and none is kept")

// pictures takes a picture of each kind of page, at a desk and on a phone, and of the plan and
// the result of an action. Personal data stays masked. `make screenshots` runs it.
func (s *site) pictures(t *testing.T) {
	dir, pages := *screenshots, s.pages(t)
	if dir == "" {
		dir, pages = t.TempDir(), map[string]string{"overview": pages["overview"]}
	} else {
		s.RefreshMarts()
	}
	write := func(name string, picture []byte) {
		t.Helper()
		if config, err := png.DecodeConfig(bytes.NewReader(picture)); err != nil || config.Width < 400 || config.Height < 400 {
			t.Errorf("%s: %+v, %v", name, config, err)
		}
		s.Must(os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o644))
	}
	s.Must(os.MkdirAll(dir, 0o755))
	s.browser.Headers = map[string]string{"X-User": "kari", "X-Groups": "agents"}
	desk, phone := browser.View{Width: 1200}, browser.View{Width: 400, Dark: true}
	for name, path := range pages {
		for view, v := range map[string]browser.View{"": desk, "-phone": phone} {
			picture, err := s.browser.Screenshot(s.url+path, v)
			s.Must(err)
			write(name+view, picture)
		}
	}
	kari := s.open(t, "kari", "agents")
	one := s.Case(t, actions.NextBillDate)
	kari.to("/care/user?id=" + url.QueryEscape(one.User) + "&tab=" + one.Tab)
	if !kari.Form("/care/plan", `button[name="months"]`, append([]string{"kind", string(actions.NextBillDate)}, one.Button...)...) {
		t.Fatal("no button")
	}
	write("user-form", kari.Screenshot())
	kari.Press()
	write("plan", kari.Screenshot())
	kari.Form("/care/execute", "")
	kari.Fill("reason", "a free month, TICKET-12")
	kari.Press()
	write("result", kari.Screenshot())
}

// pages are the pages that have a picture, by its name.
func (s *site) pages(t *testing.T) map[string]string {
	t.Helper()
	user := "/care/user?id=" + url.QueryEscape(s.Case(t, actions.NextBillDate).User) + "&tab="
	return map[string]string{
		"overview": "/", "coverage": "/coverage?span=24h", "dead-letters": "/dead-letters", "reconciliation": "/reconciliation", "jobs": "/jobs", "settings": "/settings",
		"subscribers": "/business/subscribers", "mrr": "/business/mrr", "churn": "/business/churn", "retention": "/business/retention", "trials": "/business/trials",
		"dunning": "/business/dunning", "revenue": "/business/revenue", "plan-changes": "/business/plan-changes", "promo-codes": "/business/promo-codes",
		"promotions": "/promo/promotions", "new-promotion": "/promo/promotions/new", "segments": "/promo/segments", "segment": "/promo/segment?name=ended",
		"experiments": "/promo/experiments", "conversion": "/promo/conversion", "checkout": "/promo/checkout", "at-risk": "/business/at-risk", "closings": "/business/closings", "users": "/care/users", "grant": "/care/grant", "definition": "/definitions/subscription_state",
		"user-subscriptions": user + "subscriptions", "user-access": user + "access", "user-transactions": user + "transactions", "user-timeline": user + "timeline",
		"user-inquiries": user + "inquiries", "user-notes": user + "notes", "user-emails": user + "emails", "user-wallet": user + "wallet",
	}
}
