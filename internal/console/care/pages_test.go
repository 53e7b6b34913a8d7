package care_test

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func toText(value any) string { return fmt.Sprint(value) }

// TestCare is one world for all tests of the pages: it is expensive.
func TestCare(t *testing.T) {
	tier.Full(t, "every page and every action of care over a world")
	d := newDesk(t)
	t.Run("roles", d.testRoles)
	t.Run("list", d.testList)
	t.Run("search", d.testSearch)
	t.Run("tabs", d.testTabs)
	t.Run("actions", d.testActions)
	t.Run("money", d.testMoney)
	t.Run("grants", d.testGrants)
	t.Run("mistakes", d.testMistakes)
	t.Run("clean", d.clean)
}

// testRoles: only care and care_money open the pages.
func (d *desk) testRoles(t *testing.T) {
	before := len(d.piano.Changes())
	for _, roles := range []string{"viewer", "ops", "promo", "viewer+ops+promo"} {
		a := d.agent(t, "vera", roles)
		for _, one := range []string{"GET /care/users", "POST /care/search", "GET /care/user?id=u1", "POST /care/user/show", "POST /care/plan", "POST /care/execute",
			"GET /care/grant", "POST /care/grant", "POST /care/grant/plan", "POST /care/grant/execute"} {
			method, path, _ := strings.Cut(one, " ")
			if status, _ := a.send(method, path, url.Values{"q": {"x"}, "id": {"u1"}}); status != http.StatusForbidden {
				t.Errorf("%s: %s gives %d", roles, one, status)
			}
		}
	}
	if after := len(d.piano.Changes()); after != before {
		t.Errorf("%d changes", after-before)
	}
}

var userLink = regexp.MustCompile(`<td class="id"><a href="/care/user\?id=([^"]*)">`)

func listed(text string) []string {
	var ids []string
	for _, match := range userLink.FindAllStringSubmatch(text, -1) {
		id, _ := url.QueryUnescape(html.UnescapeString(match[1]))
		ids = append(ids, id)
	}
	return ids
}

// testList: each filter and each order shows each user once over its pages.
func (d *desk) testList(t *testing.T) {
	a := d.agent(t, "kari", "care")
	var term, resource, country string
	d.One("SELECT anyIf(term_name, term_name != '' AND position(term_name, '@') = 0), anyIf(resource_name, resource_name != '' AND position(resource_name, '@') = 0), any(country) FROM subscription_state", &term, &resource, &country)
	for query, where := range map[string]string{
		"":                                      "true",
		"status=active":                         "status = 'active'",
		"live=no":                               "closed",
		"trial=now":                             "in_trial AND NOT closed",
		"renews=off":                            "autorenew = false",
		"ends_within=14":                        "NOT closed AND current_period_ends_at BETWEEN now() AND now() + INTERVAL 14 DAY",
		"failed=1":                              "NOT closed AND failed_payments > 0",
		"promo=no":                              "true",
		"promo=yes":                             "false",
		"price_from=10&price_to=50":             "price BETWEEN 10 AND 50",
		"since=2026-06-01":                      "started_at >= '2026-06-01'",
		"before=2026-06-01":                     "started_at < '2026-06-01'",
		"drift=yes":                             "false",
		"term=" + url.QueryEscape(term):         "term_name = '" + quoted(term) + "'",
		"resource=" + url.QueryEscape(resource): "resource_name = '" + quoted(resource) + "'",
		"country=" + url.QueryEscape(country):   "country = '" + quoted(country) + "'",
	} {
		var want []string
		d.One("SELECT arraySort(groupUniqArray(user_id)) FROM subscription_state WHERE user_id != '' AND ifNull("+where+", false)", &want)
		for _, sort := range []string{"", "latest", "ends", "failed", "oldest", "id"} {
			if query != "" && query != "failed=1" && sort != "" {
				continue // the order does not depend on the filter
			}
			var got []string
			next := "/care/users?" + query + "&sort=" + sort
			for next != "" {
				text := a.get(next)
				got = append(got, listed(text)...)
				if walks := query == "" && sort == ""; !walks && !strings.Contains(text, fmt.Sprintf("<h2 id=\"title-list\">%d users</h2>", len(want))) {
					t.Errorf("%s: another number than %d", query, len(want))
				}
				if found := pianoapi.FindCanaries([]byte(text)); len(found) > 0 {
					t.Errorf("%s: the list has %q", query, found)
				}
				next = ""
				if match := regexp.MustCompile(`<a href="([^"]*)" rel="next">`).FindStringSubmatch(text); match != nil {
					next = html.UnescapeString(match[1])
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s sort %s: %d users, want %d", query, sort, len(got), len(want))
			}
		}
	}
	// Piano's filters and marks.
	inquiring := d.Users(t, customer.Query{"has_unresolved_inquiry": "true"})
	text := a.get("/care/users?only=inquiry&piano=1")
	if !strings.Contains(text, "open inquiry</span>") || !strings.Contains(text, "Piano was asked just now") {
		t.Errorf("open inquiries: %s", problemOf(text))
	}
	for _, id := range listed(text) {
		if !slices.ContainsFunc(inquiring, func(u customer.User) bool { return u.UID == id }) {
			t.Errorf("%s has no open inquiry", id)
		}
	}
	if text := a.get("/care/users?only=card&piano=1"); !strings.Contains(text, "card expires soon</span>") {
		t.Error("no card expires soon")
	}
	for _, only := range []string{"resolved", "answered", "granted"} {
		if text := a.get("/care/users?only=" + only); len(listed(text)) == 0 {
			t.Errorf("%s: nobody", only)
		}
	}
	// Ids.
	status, text := a.send(http.MethodGet, "/care/users?csv=ids&status=active", nil)
	if lines := strings.Split(strings.TrimSpace(text), "\n"); status != http.StatusOK || lines[0] != "user_id,subscription_ids" || len(lines) < 50 {
		t.Errorf("CSV: %d, %d lines", status, len(lines))
	}
	if text := a.get("/care/users?price_from=1e9&failed=x&term=a%40corp.invalid&status=gone"); !strings.Contains(text, "left out: Status, Failed payments, at least, Term, Price from.") {
		t.Errorf("values that do not fit: %s", problemOf(text))
	}
}

func quoted(text string) string { return strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(text) }

// testSearch: by id, by address and by name. Names are masked until they are shown, and
// that is recorded.
func (d *desk) testSearch(t *testing.T) {
	a := d.agent(t, "kari", "care")
	var u customer.User
	var subscription string
	for _, one := range d.Users(t, customer.Query{"has_payment": "true"}) {
		stats, _, err := d.Customers.Stats(t.Context(), one.UID)
		d.Must(err)
		if len(stats) > 0 {
			u, subscription = one, stats[0].SubscriptionID
			break
		}
	}
	for name, search := range map[string]url.Values{
		"user id":         {"by": {"id"}, "q": {u.UID}},
		"subscription id": {"by": {"id"}, "q": {subscription}},
		"address":         {"by": {"person"}, "q": {" " + strings.ToUpper(u.Email.Reveal()) + " "}},
		"address as id":   {"by": {"id"}, "q": {u.Email.Reveal()}},
		"name":            {"by": {"person"}, "q": {u.FirstName.Reveal()}},
	} {
		text := a.post("/care/search", search)
		if !slices.Contains(listed(text), u.UID) {
			t.Errorf("by %s: %v, %s", name, listed(text), problemOf(text))
		}
		table := text[strings.Index(text, "<tbody>"):]
		if found := pianoapi.FindCanaries([]byte(table)); len(found) > 0 {
			t.Errorf("by %s: not masked: %q", name, found)
		}
		shown := form(text, "/care/search", "show", "1")
		if shown == nil {
			t.Fatalf("by %s: no form to show", name)
		}
		if text := a.post("/care/search", shown); name != "subscription id" && !strings.Contains(text, html.EscapeString(u.Email.Reveal())) {
			t.Errorf("by %s: not shown", name)
		}
	}
	var rows uint64
	d.One("SELECT count() FROM actions_log WHERE action = 'show_personal' AND object = 'search result' AND actor = 'kari' AND user_id = '"+quoted(u.UID)+"'", &rows)
	if rows != 5 {
		t.Errorf("%d rows of showings", rows)
	}
	if status, _ := a.send(http.MethodPost, "/care/search", url.Values{"q": {" "}}); status != http.StatusBadRequest {
		t.Errorf("an empty search: %d", status)
	}
	if text := a.post("/care/search", url.Values{"by": {"id"}, "q": {"nobody-7"}}); !strings.Contains(text, "Nobody was found") {
		t.Errorf("nobody: %s", problemOf(text))
	}
}

// noted is a user with a note.
func (d *desk) noted(t *testing.T) customer.User {
	t.Helper()
	for _, u := range d.Users(t, nil) {
		if notes, _, err := d.Customers.Notes(t.Context(), u.UID); err == nil && len(notes) > 0 {
			return u
		}
	}
	t.Fatal("nobody has a note")
	return customer.User{}
}

var tabKeys = []string{"subscriptions", "access", "transactions", "timeline", "inquiries", "notes", "emails", "wallet"}

// testTabs opens every tab of many users, masked and shown. Names and texts are masked
// until they are asked for.
func (d *desk) testTabs(t *testing.T) {
	a := d.agent(t, "kari", "care")
	shown, answered := "", 0
	all := slices.Concat(d.Users(t, customer.Query{"has_received_response_inquiry": "true"})[:3], d.Users(t, customer.Query{"has_payment": "true"})[:12], d.Users(t, customer.Query{"has_active_subscription": "false"})[:3])
	all = append(all, d.noted(t))
	for _, u := range all {
		for _, tab := range tabKeys {
			text := a.get("/care/user?id=" + url.QueryEscape(u.UID) + "&tab=" + tab)
			if found := pianoapi.FindCanaries([]byte(text)); len(found) > 0 {
				t.Errorf("tab %s: not masked: %q", tab, found)
			}
			if problem := problemOf(text); strings.Contains(problem, "piano /") && !strings.Contains(problem, "subscription not found") {
				t.Errorf("tab %s: %s", tab, problem)
			}
			if tab == "subscriptions" && strings.Contains(text, "Next charge on ") && strings.Contains(text, "Access until ") && strings.Contains(text, " resume") {
				answered++
			}
			shown += a.post("/care/user/show", url.Values{"id": {u.UID}, "tab": {tab}})
		}
	}
	if answered == 0 {
		t.Error("no subscription says until when, what next, and whether it can be resumed")
	}
	for _, canary := range []string{pianoapi.CanaryFirst, pianoapi.CanaryLast, pianoapi.CanaryField, pianoapi.CanaryInquiry, pianoapi.CanaryComment, pianoapi.CanaryNote, pianoapi.CanaryMail, pianoapi.CanaryNumber} {
		if !strings.Contains(strings.ToLower(shown), strings.ToLower(canary)) {
			t.Errorf("%s was never shown", canary)
		}
	}
	if !strings.Contains(shown, pianoapi.AttackMark) {
		t.Error("no attack was shown: there was nothing to escape")
	}
	var rows uint64
	d.One("SELECT count() FROM actions_log WHERE action = 'show_personal' AND startsWith(object, 'tab ') AND actor = 'kari'", &rows)
	if int(rows) != len(all)*len(tabKeys) {
		t.Errorf("%d rows of %d showings", rows, len(all)*len(tabKeys))
	}
	for path, want := range map[string]int{"/care/user?id=nobody": http.StatusNotFound, "/care/user": http.StatusBadRequest, "/care/user?id=a%40corp.invalid": http.StatusBadRequest} {
		if status, _ := a.send(http.MethodGet, path, nil); status != want {
			t.Errorf("%s: %d", path, status)
		}
	}
	// A user without a subscription of Piano's kind: the id is a hash.
	if status, text := a.send(http.MethodGet, "/care/user?id=sha256:8e90&tab=timeline", nil); status != http.StatusOK || !strings.Contains(text, "known only as a hash") {
		t.Errorf("a hashed id: %d", status)
	}
}
