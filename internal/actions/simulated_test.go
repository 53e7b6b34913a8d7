package actions_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/pianoapi/care"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// practice is the simulated Piano with Actions on it.
type practice struct {
	*env
	server    *pianoapi.Server
	desk      *care.Desk
	customers *customer.Client
	act       *actions.Actions
	used      map[string]bool
	events    int
}

func newPractice(t *testing.T) *practice {
	t.Helper()
	c := world.Defaults()
	c.Seed, c.Subscribers = 13, 400
	c.EndAt(time.Now().UTC().Truncate(24 * time.Hour))
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	p := &practice{env: setUp(t), used: map[string]bool{}}
	publisher := pianoapi.NewPublisher(w, w.Truth(), pianoapi.PublisherConfig{Seed: 13, Produce: func(context.Context, []byte, []byte, time.Time) error {
		p.events++
		return nil
	}})
	p.desk = care.New(publisher, care.Config{Seed: 13})
	p.server, err = pianoapi.Start(pianoapi.Config{}, p.desk)
	p.must(err)
	t.Cleanup(func() { _ = p.server.Close() })
	cfg := piano.Defaults()
	cfg.BaseURL, cfg.AID, cfg.Token, cfg.Rate = p.server.BaseURL(), p.server.AID(), p.server.Token(), 10_000
	cfg.Retry = piano.Retry{Initial: time.Millisecond, Max: 2 * time.Millisecond, Attempts: 3}
	core, logs := observer.New(zap.DebugLevel)
	p.logs = logs
	p.api, err = piano.New(cfg, nil, zap.New(core), piano.Hooks{})
	p.must(err)
	t.Cleanup(p.api.Close)
	p.customers = customer.New(p.api)
	p.act = actions.New(actions.Deps{API: p.api, Customers: p.customers, Conn: p.conn, Tables: p.tables, Actor: "agent " + pianoapi.CanaryFirst + "@example.com",
		Roles: actions.AllRoles(), Instance: "test", Poll: time.Millisecond, Settle: time.Second, Now: time.Now, Log: zap.New(core)})
	return p
}

// users are those with what the search finds.
func (p *practice) users(q customer.Query) []customer.User {
	p.Helper()
	found, err := p.customers.Search(p.Context(), q, customer.Page{Limit: 400})
	p.must(err)
	return slices.DeleteFunc(found.Rows, func(u customer.User) bool { return strings.Contains(u.UID, "sha256:") || p.used[u.UID] })
}

// subscription takes one that an action is possible on, of a user who was not used yet.
func (p *practice) subscription(kind actions.Kind) piano.Subscription {
	p.Helper()
	features, err := p.customers.Features(p.Context())
	p.must(err)
	for _, u := range p.users(customer.Query{"has_any_subscriptions": "true"}) {
		stats, _, err := p.customers.Stats(p.Context(), u.UID)
		p.must(err)
		for _, s := range stats {
			one, err := p.api.Get(p.Context(), s.SubscriptionID)
			sure := one.NextBillAt != nil || kind == actions.ResumeSubscription // others are fixed in the simulation
			if err == nil && sure && one.UserID == u.UID && actions.Decide(kind, features, actions.Target{Subscription: &one}, actions.AllRoles()).Allowed {
				p.used[u.UID] = true
				return one
			}
		}
	}
	p.Fatalf("the world has no subscription for %s", kind)
	return piano.Subscription{}
}

// payment takes one that can be refunded, in part where asked for.
func (p *practice) payment(partly bool) customer.Payment {
	p.Helper()
	for _, u := range p.users(customer.Query{"has_payment": "true"}) {
		all, _, err := p.customers.Conversions(p.Context(), u.UID)
		p.must(err)
		for _, c := range all {
			if c.Payment == nil {
				continue
			}
			one, err := p.customers.Payment(p.Context(), c.Payment.ID)
			p.must(err)
			can, err := p.customers.RefundablePartly(p.Context(), one.ID)
			p.must(err)
			if one.Refundable != nil && *one.Refundable && can == partly {
				p.used[u.UID] = true
				return one
			}
		}
	}
	p.Fatal("the world has no such payment")
	return customer.Payment{}
}

// action makes an action of every kind that is possible in the world.
func (p *practice) action(kind actions.Kind) actions.Action {
	p.Helper()
	text := customer.NewPersonal("Dear " + pianoapi.CanaryFirst + ", " + pianoapi.CanaryComment)
	in := time.Now().AddDate(0, 2, 0).Truncate(time.Second)
	a := actions.Action{Kind: kind}
	switch kind {
	case actions.RefundPayment:
		one := p.payment(true)
		left, _ := one.Remaining.Decimal()
		a.PaymentID, a.Amount = one.ID, customer.NewAmount(left.Div(decimal.NewFromInt(2)).Round(2))
	case actions.GrantAccess, actions.AddNote:
		u := p.users(customer.Query{"has_payment": "true"})[0]
		p.used[u.UID] = true
		a.UserID, a.Text = u.UID, text
		if kind == actions.GrantAccess {
			resources, err := p.customers.Resources(p.Context())
			p.must(err)
			a.ResourceID, a.At, a.SendMail = resources[len(resources)-1].ID, &in, true
		}
	case actions.EditNote:
		for _, u := range p.users(nil) {
			all, _, err := p.customers.Notes(p.Context(), u.UID)
			p.must(err)
			if i := slices.IndexFunc(all, func(n customer.Note) bool { return !n.ReadOnly }); i >= 0 {
				p.used[u.UID] = true
				a.UserID, a.NoteID, a.Text = u.UID, all[i].ID, text
				break
			}
		}
	case actions.ExtendAccess, actions.RevokeAccess:
		for _, u := range p.users(nil) {
			all, _, err := p.customers.Accesses(p.Context(), u.UID)
			p.must(err)
			i := slices.IndexFunc(all, func(one customer.Access) bool {
				return one.Granted && one.CanRevoke != nil && *one.CanRevoke && one.ExpiresAt != nil
			})
			if i >= 0 {
				p.used[u.UID] = true
				a.UserID, a.AccessID = u.UID, all[i].ID
				break
			}
		}
		if kind == actions.ExtendAccess {
			a.Days = 14
		}
	case actions.ReplyToInquiry, actions.CommentOnInquiry, actions.ResolveInquiry:
		u := p.users(customer.Query{"has_unresolved_inquiry": "true"})[0]
		p.used[u.UID] = true
		all, _, err := p.customers.Inquiries(p.Context(), u.UID)
		p.must(err)
		for _, one := range all {
			if allowed, err := p.customers.InquiryActions(p.Context(), one.ID); err == nil && slices.Contains(allowed, customer.InquiryReply) {
				a.UserID, a.InquiryID, a.Text, a.Resolve = u.UID, one.ID, text, kind == actions.ReplyToInquiry
			}
		}
	case actions.ChangeTerm:
		one := p.subscription(kind)
		var product int
		_, err := fmt.Sscanf(one.Term.ID[len(one.Term.ID)-2:], "%d", &product)
		p.must(err)
		a.SubscriptionID, a.ToTerm, a.ImmediateAccess = one.ID, fmt.Sprintf("%s%02d", one.Term.ID[:len(one.Term.ID)-2], (product+12)%36), true
	default:
		one := p.subscription(kind)
		a.SubscriptionID = one.ID
		if kind == actions.NextBillDate {
			a.Months = 1
		}
		if kind == actions.ChangePaymentMethod {
			a.PaymentMethodID = one.PaymentMethodID
		}
	}
	return a
}

// clean fails where a canary is in the table, the log or what is given.
func (p *practice) clean(more ...any) {
	p.Helper()
	var text strings.Builder
	rows, err := p.conn.Query(context.Background(), "SELECT toString(tuple(*)) FROM "+p.tables.Table("actions_log"))
	p.must(err)
	defer rows.Close()
	for rows.Next() {
		var one string
		p.must(rows.Scan(&one))
		text.WriteString(one + "\n")
	}
	p.must(rows.Err())
	for _, e := range p.logs.All() {
		text.WriteString(e.Message + fmt.Sprint(e.ContextMap()))
	}
	for _, m := range more {
		shown, _ := json.Marshal(m)
		fmt.Fprintf(&text, "%s %v %+v %#v %d", shown, m, m, m, m)
	}
	if found := pianoapi.FindCanaries([]byte(text.String())); len(found) > 0 || strings.Contains(text.String(), p.server.Token()) {
		p.Errorf("%q is somewhere: %s", found, text.String())
	}
}

// TestSimulated_EveryAction makes every action on the simulated Piano, with its answer and
// with a lost one. The server counts what arrived.
func TestSimulated_EveryAction(t *testing.T) {
	tier.Full(t, "every action on the simulated Piano")
	p := newPractice(t)
	for _, kind := range actions.Kinds() {
		if kind == actions.ChangePaymentMethod {
			continue // a user of the world has one method; the plan refuses what is in use
		}
		for _, fault := range []pianoapi.Fault{0, pianoapi.LostAnswer, pianoapi.DroppedAnswer, pianoapi.DroppedRequest, pianoapi.HTMLPage} {
			name := fmt.Sprintf("%s/fault_%d", kind, fault)
			if fault != 0 && kind != actions.RefundPayment && kind != actions.GrantAccess && kind != actions.ReplyToInquiry && kind != actions.CancelNow && kind != actions.NextBillDate {
				continue
			}
			a := p.action(kind)
			plan, err := p.act.Plan(t.Context(), a)
			if err != nil || !plan.Possible() {
				t.Errorf("%s: the plan: %+v, %v", name, plan, err)
				continue
			}
			path := plan.Request.Endpoint
			before := p.server.Changed(path)
			if fault != 0 {
				p.server.Fail(fault, path, 0, 1)
			}
			r, err := p.act.Execute(t.Context(), plan, "a wish of "+pianoapi.CanaryFirst+"@example.com")
			want, changed := actions.Done, 1
			if fault == pianoapi.DroppedRequest || fault == pianoapi.HTMLPage {
				want, changed = actions.Unknown, 0
			}
			if kind == actions.ChangeTerm && r != nil && r.Outcome == actions.Pending {
				want = actions.Pending
			}
			if r == nil || r.Outcome != want || (err == nil) == (want == actions.Unknown) || p.server.Changed(path)-before != changed {
				t.Errorf("%s: %+v, %v, arrived %d times", name, r, err, p.server.Changed(path)-before)
				continue
			}
			again, err := p.act.Execute(t.Context(), plan, "a second click")
			if err != nil || !again.Repeated || p.server.Changed(path)-before != changed {
				t.Errorf("%s, again: %+v, %v, arrived %d times", name, again, err, p.server.Changed(path)-before)
			}
			p.clean(plan, r, again)
		}
	}
	// A change that is billed later is accepted and does not show yet.
	later := p.action(actions.ChangeTerm)
	later.Billing, later.ImmediateAccess = piano.BillAtPeriodEnd, false
	plan, err := p.act.Plan(t.Context(), later)
	p.must(err)
	if r, err := p.act.Execute(t.Context(), plan, "test"); err != nil || r.Outcome != actions.Pending || !strings.Contains(r.Why, "says PENDING") {
		t.Errorf("a change at the end of the period: %+v, %v", r, err)
	}
	if plan, err := p.act.Plan(t.Context(), later); err != nil || plan.Possible() || plan.Why == "" {
		t.Errorf("a second change: %+v, %v", plan, err)
	}
}

func TestSimulated_Refusals(t *testing.T) {
	tier.Full(t, "the simulated Piano")
	p := newPractice(t)
	// The access of a subscription.
	paying := p.subscription(actions.AutoRenewOff)
	all, _, err := p.customers.Accesses(t.Context(), paying.UserID)
	p.must(err)
	i := slices.IndexFunc(all, func(a customer.Access) bool { return a.CanRevoke == nil || !*a.CanRevoke })
	plan, err := p.act.Plan(t.Context(), actions.Action{Kind: actions.RevokeAccess, UserID: paying.UserID, AccessID: all[i].ID})
	p.must(err)
	if r, err := p.act.Execute(t.Context(), plan, "test"); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "cancel the subscription") {
		t.Errorf("revoke the access of a subscription: %+v, %v", r, err)
	}
	// A payment that can be refunded as a whole only.
	whole := p.payment(false)
	if plan, err := p.act.Plan(t.Context(), actions.Action{Kind: actions.RefundPayment, PaymentID: whole.ID, Amount: amount("0.5")}); err != nil || !strings.Contains(plan.Why, "as a whole only") {
		t.Errorf("a part: %+v, %v", plan, err)
	}
	if plan, err := p.act.Plan(t.Context(), actions.Action{Kind: actions.RefundPayment, PaymentID: whole.ID}); err != nil || !plan.Possible() {
		t.Errorf("as a whole: %+v, %v", plan, err)
	} else if r, err := p.act.Execute(t.Context(), plan, "test"); err != nil || r.Outcome != actions.Done {
		t.Errorf("as a whole: %+v, %v", r, err)
	}
	if plan, err := p.act.Plan(t.Context(), actions.Action{Kind: actions.RefundPayment, PaymentID: whole.ID}); err != nil || plan.Possible() {
		t.Errorf("refunded twice: %+v, %v", plan, err)
	}
	// What the application does not allow.
	p.desk.Restrict(care.Restrictions{})
	restricted := actions.New(actions.Deps{API: p.api, Customers: customer.New(p.api), Conn: p.conn, Tables: p.tables, Roles: actions.AllRoles(), Now: time.Now, Log: zap.NewNop()})
	for kind, why := range map[actions.Kind]string{actions.NextBillDate: "next bill date", actions.ChangePaymentMethod: "payment method"} {
		one := p.subscription(kind)
		a := actions.Action{Kind: kind, SubscriptionID: one.ID, PaymentMethodID: one.PaymentMethodID}
		if kind == actions.NextBillDate {
			a.Days, a.PaymentMethodID = 7, ""
		}
		if plan, err := restricted.Plan(t.Context(), a); err != nil || plan.Possible() || !strings.Contains(plan.Why, "does not allow to change the "+why) {
			t.Errorf("%s: %+v, %v", kind, plan, err)
		}
	}
	plan, err = restricted.Plan(t.Context(), actions.Action{Kind: actions.AutoRenewOff, SubscriptionID: p.subscription(actions.AutoRenewOff).ID})
	if err != nil || !plan.Possible() || len(plan.Warnings) != 1 {
		t.Errorf("off for ever: %+v, %v", plan, err)
	}
	p.clean()
}
