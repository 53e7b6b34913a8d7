package care_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed/cases"
)

// planned opens the page of the user, presses the button and returns the form of the plan;
// nil where the plan is not possible.
func (a agent) planned(kind actions.Kind, what cases.Case) (execute url.Values, text string) {
	a.t.Helper()
	text = a.get("/care/user?id=" + url.QueryEscape(what.User) + "&tab=" + what.Tab)
	button := form(text, "/care/plan", append([]string{"kind", string(kind)}, what.Button...)...)
	if button == nil {
		return nil, text
	}
	for name, values := range what.Entered {
		button[name] = values
	}
	text = a.post("/care/plan", button)
	return form(text, "/care/execute"), text
}

// testActions makes every action through the pages. Two agents press the button of one
// plan at the same moment, and one of them reloads the page: it is done once.
func (d *desk) testActions(t *testing.T) {
	kari, ola := d.agent(t, "kari@example.com", "care_money"), d.agent(t, "ola", "care_money")
	for _, kind := range actions.Kinds() {
		if kind == actions.ChangePaymentMethod {
			continue // a user of the world has one method: see testMistakes
		}
		what := d.Case(t, kind)
		changes := len(d.piano.Changes())
		execute, text := kari.planned(kind, what)
		if execute == nil {
			t.Errorf("%s: no plan: %s", kind, problemOf(text))
			continue
		}
		if n := len(d.piano.Changes()) - changes; n != 0 {
			t.Errorf("%s: the plan made %d changes", kind, n)
		}
		if status, _ := kari.send(http.MethodPost, "/care/execute", execute); status != http.StatusBadRequest || len(d.piano.Changes()) != changes {
			t.Errorf("%s without a reason: %d", kind, status)
		}
		// Another agent has planned the same, and confirms later.
		late, _ := ola.planned(kind, what)
		late.Set("reason", "test")
		execute.Set("reason", "asked by "+pianoapi.CanaryLast+".someone@example.com")
		results := make([]string, 3)
		var both sync.WaitGroup
		for i, a := range []agent{kari, ola} {
			both.Go(func() { _, results[i] = a.send(http.MethodPost, "/care/execute", execute) })
		}
		both.Wait()
		results[2] = kari.post("/care/execute", execute) // a reload
		if n := len(d.piano.Changes()) - changes; n != 1 {
			t.Errorf("%s: %d changes: %s", kind, n, problemOf(strings.Join(results, "")))
		}
		for _, result := range results {
			title := resultTitle.FindStringSubmatch(result)
			done := title != nil && (strings.HasSuffix(title[1], ": done") || strings.HasSuffix(title[1], ": refused") && strings.Contains(result, "executed meanwhile") ||
				kind == actions.ChangeTerm && strings.HasSuffix(title[1], ": pending"))
			if !done {
				t.Errorf("%s: %q: %s", kind, title, problemOf(result))
			}
		}
		if kind != actions.AddNote { // two notes are two notes
			result := ola.post("/care/execute", late)
			if n := len(d.piano.Changes()) - changes; n != 1 {
				t.Errorf("%s: the plan of another agent made a change: %s", kind, problemOf(result))
			}
		}
		if !strings.Contains(results[2], "Nothing was sent now") {
			t.Errorf("%s: the reload: %s", kind, problemOf(results[2]))
		}
		// What the page says about the user now is the truth of the world.
		if after, _ := kari.planned(kind, what); after != nil && (kind == actions.CancelNow || kind == actions.RevokeAccess || kind == actions.AutoRenewOff || kind == actions.ResolveInquiry) {
			t.Errorf("%s is possible again", kind)
		}
	}
	var asked, shown uint64
	d.One("SELECT uniqExactIf(action, step = 'asked' AND reason LIKE 'asked by sha256:%'), countIf(reason LIKE '%@%') FROM actions_log", &asked, &shown)
	if asked != uint64(len(actions.Kinds())-1) || shown != 0 {
		t.Errorf("%d kinds in actions_log, %d reasons with an address", asked, shown)
	}
}

// testMoney: refunds and cancellations need care_money, on the button, the plan and the
// execution.
func (d *desk) testMoney(t *testing.T) {
	care, money := d.agent(t, "kari", "care"), d.agent(t, "ola", "care_money")
	payment := d.Payment(t)
	for kind, what := range map[actions.Kind]cases.Case{
		actions.RefundPayment: {User: payment.UserID, Tab: "transactions", Button: []string{"payment_id", payment.ID}},
		actions.CancelNow:     {},
	} {
		if what.User == "" {
			one := d.Subscription(t, kind, nil)
			what = cases.Case{User: one.UserID, Tab: "subscriptions", Button: []string{"subscription_id", one.ID}}
		}
		changes := len(d.piano.Changes())
		if execute, text := care.planned(kind, what); execute != nil || !strings.Contains(text, "it needs the role care_money") {
			t.Errorf("%s has a button for care", kind)
		}
		execute, text := money.planned(kind, what)
		if execute == nil {
			t.Fatalf("%s: no plan: %s", kind, problemOf(text))
		}
		if text := care.post("/care/plan", execute); form(text, "/care/execute") != nil || !strings.Contains(text, "it needs the role care_money") {
			t.Errorf("%s: planned for care", kind)
		}
		execute.Set("reason", "test")
		if text := care.post("/care/execute", execute); !strings.Contains(text, "it needs the role care_money") {
			t.Errorf("%s: executed for care: %s", kind, problemOf(text))
		}
		if n := len(d.piano.Changes()) - changes; n != 0 {
			t.Errorf("%s: %d changes", kind, n)
		}
	}
}

// testGrants: a pasted list is granted once a user, also where it is sent twice.
func (d *desk) testGrants(t *testing.T) {
	a := d.agent(t, "kari", "care")
	users := d.Users(t, customer.Query{"has_payment": "true"})[:3]
	for _, u := range users {
		d.Use(u.UID)
	}
	text := a.post("/care/grant", url.Values{"user": {users[0].UID, users[1].UID}})
	if !strings.Contains(text, users[0].UID+"\n"+users[1].UID) || form(text, "/care/grant/plan") == nil {
		t.Errorf("selected users are not in the form: %s", problemOf(text))
	}
	resources, err := d.Customers.Resources(t.Context())
	d.Must(err)
	changes := len(d.piano.Changes())
	entered := url.Values{"list": {users[0].UID + ", " + users[1].Email.Reveal() + "\n" + users[2].Email.Reveal() + "\nnobody." + pianoapi.CanaryFirst + "@example.com"},
		"resource_id": {resources[len(resources)-1].ID}, "at": {time.Now().AddDate(0, 5, 0).Format(time.DateOnly)}, "text": {pianoapi.CanaryComment}, "send_mail": {"1"}}
	text = a.post("/care/grant/plan", entered)
	if !strings.Contains(text, "<b>3 planned, 1 refused</b>") || len(d.piano.Changes()) != changes {
		t.Fatalf("the plan: %s", problemOf(text))
	}
	execute := form(text, "/care/grant/execute")
	execute.Set("reason", "test")
	var both sync.WaitGroup
	for _, one := range []agent{a, d.agent(t, "ola", "care")} {
		both.Go(func() { _, _ = one.send(http.MethodPost, "/care/grant/execute", execute) })
	}
	both.Wait()
	text = a.post("/care/grant/execute", execute)
	if n := len(d.piano.Changes()) - changes; n != 3 || !strings.Contains(text, "<b>3 done, 1 refused</b>") {
		t.Errorf("%d changes: %s", n, problemOf(text))
	}
	for _, entered := range []url.Values{{"list": {""}}, {"list": {"u1"}, "at": {"soon"}}, {"list": {"two words"}}, {"list": {"u" + strings.Repeat("1,u", 60) + "2"}}} {
		if status, _ := a.send(http.MethodPost, "/care/grant/plan", entered); status != http.StatusBadRequest && !strings.HasPrefix(entered.Get("list"), "u1,u1") {
			t.Errorf("%v: %d", entered, status)
		}
	}
}

// testMistakes: a form that is wrong, old or of a plan that is not possible changes
// nothing.
func (d *desk) testMistakes(t *testing.T) {
	a := d.agent(t, "kari", "care_money")
	changes := len(d.piano.Changes())
	one := d.Subscription(t, actions.AutoRenewOff, nil)
	for name, entered := range map[string]url.Values{
		"no kind":          {"subscription_id": {one.ID}},
		"no subscription":  {"kind": {"cancel"}},
		"a past date":      {"kind": {"next_bill_date"}, "subscription_id": {one.ID}, "at": {"2020-01-01"}},
		"no date":          {"kind": {"next_bill_date"}, "subscription_id": {one.ID}, "at": {"tomorrow"}},
		"a negative month": {"kind": {"next_bill_date"}, "subscription_id": {one.ID}, "months": {"-1"}},
		"no amount":        {"kind": {"refund"}, "payment_id": {"x"}, "amount": {"1e9"}},
	} {
		if status, _ := a.send(http.MethodPost, "/care/plan", entered); status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, status)
		}
	}
	if text := a.post("/care/plan", url.Values{"kind": {"cancel"}, "subscription_id": {"nobody"}}); !strings.Contains(text, "there is no such subscription") {
		t.Errorf("no such subscription: %s", problemOf(text))
	}
	if text := a.post("/care/plan", url.Values{"kind": {"payment_method"}, "subscription_id": {one.ID}, "payment_method_id": {one.PaymentMethodID}}); !strings.Contains(text, "by this payment method already") {
		t.Errorf("the same payment method: %s", problemOf(text))
	}
	if status, _ := a.send(http.MethodPost, "/care/execute", url.Values{"kind": {"cancel"}, "subscription_id": {one.ID}, "reason": {"test"}}); status != http.StatusBadRequest {
		t.Errorf("without a plan: %d", status)
	}
	// Without what the plan has seen, nothing is executed.
	execute, _ := a.planned(actions.AutoRenewOff, cases.Case{User: one.UserID, Tab: "subscriptions", Button: []string{"subscription_id", one.ID}})
	execute.Set("reason", "test")
	execute.Set("seen", "0123")
	if text := a.post("/care/execute", execute); !strings.Contains(text, "make a new plan") {
		t.Errorf("another state: %s", problemOf(text))
	}
	if n := len(d.piano.Changes()) - changes; n != 0 {
		t.Errorf("%d changes", n)
	}
	// Where actions_log cannot be written, nothing is shown and nothing is sent.
	execute, _ = a.planned(actions.AutoRenewOff, cases.Case{User: one.UserID, Tab: "subscriptions", Button: []string{"subscription_id", one.ID}})
	execute.Set("reason", "test")
	d.Exec("RENAME TABLE actions_log TO actions_log_away")
	if status, text := a.send(http.MethodPost, "/care/user/show", url.Values{"id": {one.UserID}, "tab": {"subscriptions"}}); status != http.StatusBadGateway || len(pianoapi.FindCanaries([]byte(text))) > 0 {
		t.Errorf("shown without a record: %d", status)
	}
	if status, text := a.send(http.MethodPost, "/care/execute", execute); !strings.Contains(text, ": failed</h1>") {
		t.Errorf("executed without a record: %d %s", status, problemOf(text))
	}
	if n := len(d.piano.Changes()) - changes; n != 0 {
		t.Errorf("%d changes without a record", n)
	}
	d.Exec("RENAME TABLE actions_log_away TO actions_log")
	// A lost answer: the result page says what is true.
	execute, _ = a.planned(actions.AutoRenewOff, cases.Case{User: one.UserID, Tab: "subscriptions", Button: []string{"subscription_id", one.ID}})
	execute.Set("reason", "test")
	d.piano.Fail(pianoapi.DroppedAnswer, "/publisher/subscription/update", 0, 1)
	if text := a.post("/care/execute", execute); !strings.Contains(text, "no answer came, but it has been done") || len(d.piano.Changes())-changes != 1 {
		t.Errorf("a lost answer: %s", problemOf(text))
	}
	if now, err := d.API.Get(context.Background(), one.ID); err != nil || *now.AutoRenew {
		t.Errorf("the world: %+v, %v", now, err)
	}
}
