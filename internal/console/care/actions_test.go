package care_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
)

// task is an action as an agent makes it on the page: which tab, which button, and what is
// entered.
type task struct {
	user, tab string
	button    []string // names and values of the hidden fields of the button
	entered   url.Values
}

// subscriptionFor takes a subscription on which a kind is possible, of an unused user.
func (d *desk) subscriptionFor(t *testing.T, kind actions.Kind) piano.Subscription {
	t.Helper()
	features, err := d.customers.Features(t.Context())
	d.Must(err)
	for _, u := range d.users(t, customer.Query{"has_any_subscriptions": "true"}) {
		stats, _, err := d.customers.Stats(t.Context(), u.UID)
		d.Must(err)
		for _, s := range stats {
			one, err := d.api.Get(t.Context(), s.SubscriptionID)
			if err == nil && (one.NextBillAt != nil || kind == actions.ResumeSubscription) && one.UserID == u.UID &&
				actions.Decide(kind, features, actions.Target{Subscription: &one}, actions.AllRoles()).Allowed {
				d.used[u.UID] = true
				return one
			}
		}
	}
	t.Fatalf("the world has no subscription for %s", kind)
	return piano.Subscription{}
}

// paymentFor takes a payment that can be refunded in part.
func (d *desk) paymentFor(t *testing.T) customer.Payment {
	t.Helper()
	for _, u := range d.users(t, customer.Query{"has_payment": "true"}) {
		all, _, err := d.customers.Conversions(t.Context(), u.UID)
		d.Must(err)
		for _, c := range all {
			if c.Payment == nil {
				continue
			}
			one, err := d.customers.Payment(t.Context(), c.Payment.ID)
			d.Must(err)
			if can, err := d.customers.RefundablePartly(t.Context(), one.ID); err == nil && can && one.Refundable != nil && *one.Refundable {
				d.used[u.UID] = true
				one.UserID = u.UID
				return one
			}
		}
	}
	t.Fatal("the world has no such payment")
	return customer.Payment{}
}

// taskOf makes a task of every kind that is possible in the world.
func (d *desk) taskOf(t *testing.T, kind actions.Kind) task {
	t.Helper()
	text := "Dear " + pianoapi.CanaryFirst + ", " + pianoapi.CanaryComment + " " + pianoapi.Attacks()[0]
	switch kind {
	case actions.RefundPayment:
		p := d.paymentFor(t)
		return task{p.UserID, "transactions", []string{"payment_id", p.ID}, url.Values{"amount": {"0.50"}}}
	case actions.GrantAccess, actions.AddNote:
		u := d.users(t, customer.Query{"has_payment": "true"})[0]
		d.used[u.UID] = true
		if kind == actions.AddNote {
			return task{u.UID, "notes", nil, url.Values{"text": {text}}}
		}
		resources, err := d.customers.Resources(t.Context())
		d.Must(err)
		return task{u.UID, "access", nil, url.Values{"resource_id": {resources[len(resources)-1].ID}, "at": {time.Now().AddDate(0, 3, 0).Format(time.DateOnly)}, "send_mail": {"1"}, "text": {text}}}
	case actions.ExtendAccess, actions.RevokeAccess:
		for _, u := range d.users(t, nil) {
			all, _, err := d.customers.Accesses(t.Context(), u.UID)
			d.Must(err)
			i := slices.IndexFunc(all, func(one customer.Access) bool {
				return one.Granted && one.CanRevoke != nil && *one.CanRevoke && one.ExpiresAt != nil
			})
			if i < 0 {
				continue
			}
			d.used[u.UID] = true
			entered := url.Values{}
			if kind == actions.ExtendAccess {
				entered.Set("days", "14")
			}
			return task{u.UID, "access", []string{"access_id", all[i].ID}, entered}
		}
	case actions.EditNote:
		for _, u := range d.users(t, nil) {
			all, _, err := d.customers.Notes(t.Context(), u.UID)
			d.Must(err)
			if i := slices.IndexFunc(all, func(n customer.Note) bool { return !n.ReadOnly }); i >= 0 {
				d.used[u.UID] = true
				return task{u.UID, "notes", []string{"note_id", all[i].ID}, url.Values{"text": {text}}}
			}
		}
	case actions.ReplyToInquiry, actions.CommentOnInquiry, actions.ResolveInquiry:
		for _, u := range d.users(t, customer.Query{"has_unresolved_inquiry": "true"}) {
			all, _, err := d.customers.Inquiries(t.Context(), u.UID)
			d.Must(err)
			for _, one := range all {
				if allowed, err := d.customers.InquiryActions(t.Context(), one.ID); err == nil && slices.Contains(allowed, customer.InquiryReply) {
					d.used[u.UID] = true
					return task{u.UID, "inquiries", []string{"inquiry_id", one.ID}, url.Values{"text": {text}}}
				}
			}
		}
	case actions.ChangeTerm:
		one := d.subscriptionFor(t, kind)
		var product int
		_, err := fmt.Sscanf(one.Term.ID[len(one.Term.ID)-2:], "%d", &product)
		d.Must(err)
		return task{one.UserID, "subscriptions", []string{"subscription_id", one.ID},
			url.Values{"to_term": {fmt.Sprintf("%s%02d", one.Term.ID[:len(one.Term.ID)-2], (product+12)%36)}, "immediate_access": {"1"}}}
	default:
		one := d.subscriptionFor(t, kind)
		entered := url.Values{}
		if kind == actions.NextBillDate {
			entered.Set("months", "1")
		}
		return task{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, entered}
	}
	t.Fatalf("the world has nothing for %s", kind)
	return task{}
}

// planned opens the page of the user, presses the button and returns the form of the plan;
// nil where the plan is not possible.
func (a agent) planned(kind actions.Kind, what task) (execute url.Values, text string) {
	a.t.Helper()
	text = a.get("/care/user?id=" + url.QueryEscape(what.user) + "&tab=" + what.tab)
	button := form(text, "/care/plan", append([]string{"kind", string(kind)}, what.button...)...)
	if button == nil {
		return nil, text
	}
	for name, values := range what.entered {
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
		what := d.taskOf(t, kind)
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
	payment := d.paymentFor(t)
	for kind, what := range map[actions.Kind]task{
		actions.RefundPayment: {payment.UserID, "transactions", []string{"payment_id", payment.ID}, nil},
		actions.CancelNow:     {},
	} {
		if what.user == "" {
			one := d.subscriptionFor(t, kind)
			what = task{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, nil}
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
	users := d.users(t, customer.Query{"has_payment": "true"})[:3]
	for _, u := range users {
		d.used[u.UID] = true
	}
	text := a.post("/care/grant", url.Values{"user": {users[0].UID, users[1].UID}})
	if !strings.Contains(text, users[0].UID+"\n"+users[1].UID) || form(text, "/care/grant/plan") == nil {
		t.Errorf("selected users are not in the form: %s", problemOf(text))
	}
	resources, err := d.customers.Resources(t.Context())
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
	one := d.subscriptionFor(t, actions.AutoRenewOff)
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
	execute, _ := a.planned(actions.AutoRenewOff, task{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, nil})
	execute.Set("reason", "test")
	execute.Set("seen", "0123")
	if text := a.post("/care/execute", execute); !strings.Contains(text, "make a new plan") {
		t.Errorf("another state: %s", problemOf(text))
	}
	if n := len(d.piano.Changes()) - changes; n != 0 {
		t.Errorf("%d changes", n)
	}
	// Where actions_log cannot be written, nothing is shown and nothing is sent.
	execute, _ = a.planned(actions.AutoRenewOff, task{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, nil})
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
	execute, _ = a.planned(actions.AutoRenewOff, task{one.UserID, "subscriptions", []string{"subscription_id", one.ID}, nil})
	execute.Set("reason", "test")
	d.piano.Fail(pianoapi.DroppedAnswer, "/publisher/subscription/update", 0, 1)
	if text := a.post("/care/execute", execute); !strings.Contains(text, "no answer came, but it has been done") || len(d.piano.Changes())-changes != 1 {
		t.Errorf("a lost answer: %s", problemOf(text))
	}
	if now, err := d.api.Get(context.Background(), one.ID); err != nil || *now.AutoRenew {
		t.Errorf("the world: %+v, %v", now, err)
	}
}
