package actions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/progress"
)

// TestPlan_RefusesWhatDoesNotExist: an action on something that Piano does not have is
// neither done nor sent.
func TestPlan_RefusesWhatDoesNotExist(t *testing.T) {
	text := customer.NewPersonal("my answer")
	for name, c := range map[string]struct {
		action actions.Action
		why    string
	}{
		"subscription":   {actions.Action{Kind: actions.CancelNow, SubscriptionID: "S9"}, "no such subscription"},
		"renewal":        {actions.Action{Kind: actions.AutoRenewOff, SubscriptionID: "S9"}, "no such subscription"},
		"bill_date":      {actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S9", Months: 1}, "no such subscription"},
		"resume":         {actions.Action{Kind: actions.ResumeSubscription, SubscriptionID: "S9"}, "no such subscription"},
		"term":           {actions.Action{Kind: actions.ChangeTerm, SubscriptionID: "S1", ToTerm: "T9"}, "no such term"},
		"payment_method": {actions.Action{Kind: actions.ChangePaymentMethod, SubscriptionID: "S1", PaymentMethodID: "PM9"}, "no such payment method"},
		"payment":        {actions.Action{Kind: actions.RefundPayment, PaymentID: "UP9"}, "no such payment"},
		"revoke":         {actions.Action{Kind: actions.RevokeAccess, UserID: "u1", AccessID: "A9"}, "lists no such access"},
		"revoke_of_user": {actions.Action{Kind: actions.RevokeAccess, UserID: "u9", AccessID: "A1"}, "no such user"},
		"extend":         {actions.Action{Kind: actions.ExtendAccess, UserID: "u1", AccessID: "A9", Days: 1}, "lists no such access"},
		"grant":          {actions.Action{Kind: actions.GrantAccess, UserID: "u9", ResourceID: "R1"}, "no such user"},
		"grant_resource": {actions.Action{Kind: actions.GrantAccess, UserID: "u1", ResourceID: "R9"}, "no such resource"},
		"inquiry":        {actions.Action{Kind: actions.ReplyToInquiry, UserID: "u1", InquiryID: "I9", Text: text}, "no such inquiry"},
		"note":           {actions.Action{Kind: actions.AddNote, UserID: "u9", Text: text}, "no such user"},
		"edited_note":    {actions.Action{Kind: actions.EditNote, UserID: "u1", NoteID: "N9", Text: text}, "no such note"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			p := d.plan(c.action)
			r, err := d.act.Execute(t.Context(), p, "test")
			if p.Outcome != actions.Refused || !strings.Contains(p.Why, c.why) || err != nil || r.Outcome != actions.Refused || d.changes() != 0 {
				t.Errorf("%s: %s; executed: %+v, %v, sent %v", p.Outcome, p.Why, r, err, d.sent)
			}
		})
	}
}

// TestBulk_TriesARefusedLineAgain: what Piano refused has not happened, and its cause may
// be gone.
func TestBulk_TriesARefusedLineAgain(t *testing.T) {
	d := newDesk(t)
	items := []actions.Item{{Line: 1, Key: "u1 A1", Action: actions.Action{Kind: actions.RevokeAccess, UserID: "u1", AccessID: "A1"}}}
	run := func() (line actions.Line) {
		d.must(d.process().Bulk(t.Context(), "job", items, "test", true, func(l actions.Line) { line = l }))
		return line
	}
	d.accesses[0]["of_subscription"] = true
	for sent := 1; sent <= 2; sent++ {
		if l := run(); l.Outcome != actions.Refused || l.Repeated || d.changes() != sent {
			t.Errorf("refused: %+v, sent %v", l, d.sent)
		}
	}
	d.accesses[0]["of_subscription"] = false
	if l := run(); l.Outcome != actions.Done || l.Repeated || d.changes() != 3 {
		t.Errorf("allowed now: %+v, sent %v", l, d.sent)
	}
	if l := run(); l.Outcome != actions.Done || !l.Repeated || d.changes() != 3 {
		t.Errorf("done before: %+v, sent %v", l, d.sent)
	}
}

// TestExecute_SendsWhatItHasRecorded: the date of an access that has ended is moved from
// now, and a second look has another now.
func TestExecute_SendsWhatItHasRecorded(t *testing.T) {
	d := newDesk(t)
	d.accesses[0]["expire_date"], d.accesses[0]["granted"] = 1_760_000_000, false
	reads := 0
	d.meanwhile = func(string) {
		switch reads++; reads {
		case 1: // so the first look is too old
			d.late += 6 * time.Second
		case 3: // the second look
			d.late += 2 * time.Second
		}
	}
	items := []actions.Item{{Line: 1, Key: "u1 A1", Action: actions.Action{Kind: actions.ExtendAccess, UserID: "u1", AccessID: "A1", Days: 1}}}
	d.must(d.act.Bulk(t.Context(), "job", items, "test", true, func(l actions.Line) {
		if l.Outcome == actions.Failed || l.Outcome == actions.Refused {
			t.Errorf("%+v", l)
		}
	}))
	var asked string
	d.must(d.conn.QueryRow(t.Context(), "SELECT answer FROM "+d.tables.Table("actions_log")+" WHERE step = 'asked'").Scan(&asked))
	if sent := fmt.Sprint("expire_date=", d.accesses[0]["expire_date"]); d.changes() != 1 || !strings.Contains(asked, sent) {
		t.Errorf("recorded %q, sent %s", asked, sent)
	}
}

// TestPlan_CancelAndRefundSaysWhatIsRefunded: it is the last payment of the subscription.
func TestPlan_CancelAndRefundSaysWhatIsRefunded(t *testing.T) {
	d, action, _ := begin(t, actions.CancelAndRefund)
	d.payment["remaining_amount"] = 12.5
	if p := d.plan(action); !p.Possible() || p.Before["last_payment"] != "UP1, 12.5 EUR can be refunded" || p.After["last_payment"] != "UP1, 12.5 EUR refunded" || len(p.Warnings) != 1 || p.Warnings[0] != "the access ends now, not at the end of the period" {
		t.Errorf("%+v", p)
	}
	p := d.plan(action)
	d.payment["remaining_amount"] = 3.0
	if r, err := d.act.Execute(t.Context(), p, "test"); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "last_payment was") || d.changes() != 0 {
		t.Errorf("another amount since: %+v, %v", r, err)
	}
	d.payment["refundable"] = false
	if p := d.plan(action); len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "not be settled") {
		t.Errorf("%+v", p)
	}
	d.payment = nil
	if p := d.plan(action); !p.Possible() || len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "does not say which payment") {
		t.Errorf("%+v", p)
	}
}

// TestPlan_ChangeOfTermSaysThePrice of both terms.
func TestPlan_ChangeOfTermSaysThePrice(t *testing.T) {
	d := newDesk(t)
	d.sub["billing_plan"] = "[5.00 EUR|1 month|*]"
	p := d.plan(actions.Action{Kind: actions.ChangeTerm, SubscriptionID: "S1", ToTerm: "T2"})
	if p.Before["price"] != "5.00 EUR for 1 month" || p.After["price"] != "9.00 EUR for 1 month" {
		t.Errorf("%+v", p)
	}
}

// TestExecute_ReportsWhatItWaitsFor: an agent in a shell sees why nothing happens.
func TestExecute_ReportsWhatItWaitsFor(t *testing.T) {
	d, action, _ := begin(t, actions.RefundPayment)
	var steps []string
	report := func(s progress.Step) {
		if len(steps) == 0 || steps[len(steps)-1] != s.Name {
			steps = append(steps, s.Name)
		}
	}
	act := *d.act
	act.Progress = report
	p, err := act.Plan(t.Context(), action)
	d.must(err)
	_, err = act.Execute(t.Context(), p, "test")
	d.must(err)
	if got := strings.Join(steps, "; "); got != strings.Join([]string{actions.ProgressRead, actions.ProgressSend, actions.ProgressEffect}, "; ") {
		t.Errorf("reported %s", got)
	}
	steps = nil
	d.must(act.Bulk(t.Context(), "job", []actions.Item{{Line: 1, Key: "S9", Action: actions.Action{Kind: actions.CancelNow, SubscriptionID: "S9"}}}, "", false, func(actions.Line) {}))
	if got := strings.Join(steps, "; "); got != "process the lines" {
		t.Errorf("a job reported %s", got)
	}
}
