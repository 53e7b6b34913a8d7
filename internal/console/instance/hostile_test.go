package instance_test

import (
	"bytes"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/browser"
)

// hostile tries to change something: as a reader, from another site, and with forms of others
// or too large ones. Texts of the world contain scripts. Nothing may change, and no script
// may run.
func (s *site) hostile(t *testing.T) {
	kari, ola, vera := s.open(t, "kari", "agents"), s.open(t, "ola", "carers"), s.open(t, "vera", "readers")
	one := s.Case(t, actions.CancelNow)
	kari.to("/care/user?id=" + url.QueryEscape(one.User) + "&tab=" + one.Tab)
	if !kari.Form("/care/plan", "", append([]string{"kind", string(actions.CancelNow)}, one.Button...)...) {
		t.Fatal("no button")
	}
	kari.Press()
	form := browser.Evaluate[map[string]string](kari.Tab, `Object.fromEntries(new FormData(document.querySelector('form[action="/care/execute"]')))`)
	form["reason"] = "hostile"
	stolen := url.Values{}
	for name, value := range form {
		stolen.Set(name, value)
	}
	if stolen.Get("plan_id") == "" {
		t.Fatalf("the plan has no form: %v", form)
	}
	changes := len(s.piano.Changes())
	urlencoded := map[string]string{"Content-Type": "application/x-www-form-urlencoded"}

	t.Run("another_site", func(t *testing.T) {
		page := `<!DOCTYPE html><link rel="icon" href="data:,"><h1>Win a prize</h1><form method="post" action="` + s.url + `/care/execute">`
		for name, value := range form {
			page += fmt.Sprintf(`<input type="hidden" name="%s" value="%s">`, name, html.EscapeString(value))
		}
		evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			fmt.Fprint(w, page+`<button>Open</button></form>`)
		}))
		defer evil.Close()
		k := s.open(t, "kari", "agents") // the answer has no icon, so the browser asks for one
		k.Navigate(evil.URL)
		if !k.Form(s.url+"/care/execute", "") {
			t.Fatal("the page of the attacker has no form")
		}
		k.Press()
		if text := k.Text(); !strings.Contains(text, "cross-origin request") {
			t.Errorf("a form of another site was answered with: %s", text)
		}
	})
	t.Run("another_role", func(t *testing.T) {
		o := ola.in(t)
		if status, text := o.fetch(http.MethodPost, "/care/execute", strings.NewReader(stolen.Encode()), urlencoded); status != http.StatusOK || !strings.Contains(text, "it needs the role care_money") {
			t.Errorf("executed by care: %d", status)
		}
		v := vera.in(t)
		for _, path := range []string{"/care/users", "/care/user?id=" + url.QueryEscape(one.User), "/care/grant", "/settings", "/promo/promotions", "/promo/segments", "/promo/conversion"} {
			v.Navigate(v.url + path)
			if text := v.Text(); !strings.Contains(text, "This page needs the role") || strings.Contains(text, one.Button[1]) {
				t.Errorf("%s opens for a reader: %.200s", path, text)
			}
			_ = v.Problems() // the browser reports the status 403
		}
		for _, path := range []string{"/care/search", "/care/user/show", "/care/plan", "/care/execute", "/care/grant", "/care/grant/plan", "/care/grant/execute", "/dead-letters/plans", "/dead-letters/plans/x", "/jobs/x/cancel",
			"/promo/promotions/new", "/promo/promotion/generate", "/promo/promotion/codes", "/promo/segment/materialise", "/promo/experiments/new", "/promo/conversion/read", "/promo/plans/x"} {
			if status, _ := v.fetch(http.MethodPost, path, strings.NewReader(stolen.Encode()), urlencoded); status != http.StatusForbidden {
				t.Errorf("POST %s by a reader: %d", path, status)
			}
		}
	})
	t.Run("a_large_form", func(t *testing.T) {
		k := kari.in(t)
		large := append([]byte(stolen.Encode()+"&text="), bytes.Repeat([]byte("a"), 2<<20)...)
		for _, path := range []string{"/care/plan", "/care/execute", "/care/search", "/care/grant/plan", "/dead-letters/plans", "/promo/promotions/new"} {
			if status, _ := k.fetch(http.MethodPost, path, bytes.NewReader(large), urlencoded); status < 400 || status >= 500 {
				t.Errorf("%s: status %d", path, status)
			}
		}
	})
	t.Run("scripts_in_texts", func(t *testing.T) {
		k := kari.in(t)
		pages, seen := 0, map[string]bool{}
		for _, u := range s.Users(t, customer.Query{"has_payment": "true"}) {
			attack := attackIn(u.Name.Reveal())
			if attack == "" || seen[attack] || len(seen) == 2 {
				continue
			}
			seen[attack] = true
			for _, tab := range []string{"inquiries", "notes", "emails"} {
				k.to("/care/user?id=" + url.QueryEscape(u.UID) + "&tab=" + tab)
				if k.Form("/care/user/show", "") {
					k.Press()
					k.check(true)
					pages++
				}
			}
		}
		if pages < 4 {
			t.Errorf("only %d pages with personal texts, of attacks %v", pages, seen)
		}
		// The reasons of all actions have one, too.
		var user string
		s.One("SELECT any(user_id) FROM actions_log WHERE reason LIKE '%"+pianoapi.AttackMark+"%' AND user_id != ''", &user)
		k.to("/care/user?id=" + url.QueryEscape(user) + "&tab=timeline")
		if !strings.Contains(k.Text(), pianoapi.AttackMark) {
			t.Error("the timeline does not show the reason")
		}
	})
	if n := len(s.piano.Changes()) - changes; n != 0 {
		t.Errorf("%d changes", n)
	}
	for _, p := range []*person{kari, ola, vera} {
		for _, problem := range p.Problems() {
			t.Error(problem)
		}
	}
}

// attackIn is the attack in a text of the world; empty without one.
func attackIn(text string) string {
	for _, one := range pianoapi.Attacks() {
		if strings.Contains(text, one) {
			return one
		}
	}
	return ""
}

var csvLink = regexp.MustCompile(`href="([^"]*[?&;]csv=[^"]*)"`)

// canaries looks for personal texts everywhere after the session: tables, log, addresses,
// downloads. It then plants one in each place that it can, and must find it.
func (s *site) canaries(t *testing.T, kari *person) {
	k := kari.in(t)
	for _, path := range []string{"/", "/dead-letters", "/reconciliation", "/business/promo-codes", "/promo/promotions", "/promo/segments", "/promo/conversion", "/care/users"} {
		_, page := k.fetch(http.MethodGet, path, nil, nil)
		links := csvLink.FindAllStringSubmatch(page, -1)
		if len(links) == 0 && path == "/care/users" {
			t.Errorf("%s offers no CSV file", path)
		}
		for _, link := range links {
			to := html.UnescapeString(link[1])
			if !strings.HasPrefix(to, "/") {
				to = path + to
			}
			status, text := k.fetch(http.MethodGet, to, nil, nil)
			if found := pianoapi.FindCanaries([]byte(text)); status != http.StatusOK || len(found) > 0 {
				t.Errorf("%s: status %d, %q", to, status, found)
			}
		}
	}
	requests := strings.Join(k.Requests(), "\n")
	if decoded, err := url.QueryUnescape(requests); err != nil || len(k.Requests()) < 50 {
		t.Errorf("%d requests, %v", len(k.Requests()), err)
	} else if found := pianoapi.FindCanaries([]byte(decoded)); len(found) > 0 {
		t.Errorf("addresses that the browser has opened: %q", found)
	}
	log := s.log.String()
	if found := pianoapi.FindCanaries([]byte(log)); len(found) > 0 || strings.Contains(log, s.piano.Token()) || !strings.Contains(log, "console listening") {
		t.Errorf("the log has %q, or nothing", found)
	}
	if with := s.tablesWithCanaries(t); len(with) > 0 {
		t.Errorf("tables with personal texts: %v", with)
	}
	for table, insert := range map[string]string{
		"actions_log": "(reason) SELECT 'for " + pianoapi.CanaryFirst + "'", "dead_letters": "(source_name, detail) SELECT 'planted', 'ada." + strings.ToLower(pianoapi.CanaryLast) + "@example.com'",
		"subscription_snapshots": "(subscription_id, billing_period) SELECT 'planted', '" + pianoapi.CanaryPlace + "'",
	} {
		s.Exec("INSERT INTO " + table + " " + insert)
		if with := s.tablesWithCanaries(t); len(with) != 1 || with[0] != table {
			t.Errorf("a text in %s is found in %v", table, with)
		}
		s.Exec("TRUNCATE TABLE " + table)
	}
}
