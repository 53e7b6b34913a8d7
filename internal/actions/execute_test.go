package actions_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func amount(text string) customer.Amount { return customer.NewAmount(decimal.RequireFromString(text)) }

// everything is one action of every kind that the fresh desk allows, and what makes it
// possible first.
func everything() map[actions.Kind]struct {
	action  actions.Action
	prepare func(*desk)
	sends   string
} {
	end := time.Now().AddDate(0, 3, 0).Truncate(time.Second).UTC()
	answer := customer.NewPersonal("my answer to " + canaryMail)
	type one = struct {
		action  actions.Action
		prepare func(*desk)
		sends   string
	}
	return map[actions.Kind]one{
		actions.AutoRenewOff:      {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/update"},
		actions.AutoRenewOn:       {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/update", prepare: func(d *desk) { d.sub["auto_renew"] = false }},
		actions.NextBillDate:      {action: actions.Action{SubscriptionID: "S1", Months: 1}, sends: "subscription/update"},
		actions.CancelNow:         {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/cancel"},
		actions.CancelAndRefund:   {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/cancel"},
		actions.CancelAtPeriodEnd: {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/cancel/deferred", prepare: dynamic},
		actions.ResumeSubscription: {action: actions.Action{SubscriptionID: "S1"}, sends: "subscription/resume", prepare: func(d *desk) {
			dynamic(d)
			d.sub["can_be_resumed"], d.sub["auto_renew"] = true, false
		}},
		actions.ChangePaymentMethod: {action: actions.Action{SubscriptionID: "S1", PaymentMethodID: "PM2"}, sends: "subscription/update"},
		actions.RefundPayment:       {action: actions.Action{PaymentID: "UP1", Amount: amount("5")}, sends: "payment/refund"},
		actions.GrantAccess:         {action: actions.Action{UserID: "u1", ResourceID: "R2", At: &end, SendMail: true, Text: answer}, sends: "user/access/grant"},
		actions.ExtendAccess:        {action: actions.Action{UserID: "u1", AccessID: "A1", Days: 7}, sends: "user/access/update"},
		actions.RevokeAccess:        {action: actions.Action{UserID: "u1", AccessID: "A1"}, sends: "user/access/revoke"},
		actions.ReplyToInquiry:      {action: actions.Action{UserID: "u1", InquiryID: "I1", Text: answer, Resolve: true}, sends: "inquiry/add"},
		actions.CommentOnInquiry:    {action: actions.Action{UserID: "u1", InquiryID: "I1", Text: answer}, sends: "inquiry/add"},
		actions.ResolveInquiry:      {action: actions.Action{UserID: "u1", InquiryID: "I1", Text: answer}, sends: "inquiry/add"},
		actions.EditNote: {action: actions.Action{UserID: "u1", NoteID: "N1", Text: answer}, sends: "user/note/update", prepare: func(d *desk) {
			d.notes = []record{{"user_note_id": "N1", "content": canaryText, "create_date": "2026-12-01 10:00:00"}}
		}},
		actions.AddNote: {action: actions.Action{UserID: "u1", Text: answer}, sends: "user/note/create"},
	}
}

func dynamic(d *desk) {
	d.sub["term"] = record{"term_id": "T1", "type": "dynamic"}
	d.sub["deferred_cancelable"] = true
}

// begin gives the desk of one case.
func begin(t *testing.T, kind actions.Kind) (*desk, actions.Action, string) {
	t.Helper()
	d, c := newDesk(t), everything()[kind]
	if c.prepare != nil {
		c.prepare(d)
	}
	c.action.Kind = kind
	return d, c.action, c.sends
}

func TestExecute_ChangesOnceAndSaysWhatIsTrue(t *testing.T) {
	kinds := everything()
	for _, kind := range actions.Kinds() {
		if kind == actions.ChangeTerm {
			continue // TestUpgrade, and below
		}
		if _, ok := kinds[kind]; !ok {
			t.Errorf("%s is not tested", kind)
			continue
		}
		t.Run(string(kind), func(t *testing.T) {
			if kind != actions.RefundPayment && kind != actions.ReplyToInquiry {
				tier.Full(t, "every kind")
			}
			d, action, sends := begin(t, kind)
			p := d.plan(action)
			if !p.Possible() || p.Request == nil || p.Seen == "" || d.changes() != 0 {
				t.Fatalf("the plan: %+v", p)
			}
			r, err := d.act.Execute(t.Context(), p, "asked by "+canaryMail)
			if err != nil || r.Outcome != actions.Done || d.changes() != 1 || d.sent[0] != sends || r.After == nil || r.Repeated {
				t.Fatalf("executed: %+v, %v, sent %v", r, err, d.sent)
			}
			again, err := d.act.Execute(t.Context(), p, "a second click")
			if err != nil || again.Outcome != actions.Done || !again.Repeated || d.changes() != 1 || len(again.After) != len(r.After) {
				t.Errorf("again: %+v, %v, sent %v", again, err, d.sent)
			}
			// A page that keeps three values can do the same, in another process.
			kept := &actions.Plan{ID: p.ID, Action: p.Action, Seen: p.Seen}
			if again, err := d.process().Execute(t.Context(), kept, "a reload"); err != nil || !again.Repeated || d.changes() != 1 {
				t.Errorf("in another process: %+v, %v, sent %v", again, err, d.sent)
			}
			last := sends[strings.LastIndex(sends, "/")+1:]
			if got, want := d.rows(), "asked "+last+", answered "+last+" done, final done"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			var row string
			d.must(d.conn.QueryRow(t.Context(), `SELECT toString((any(action), any(reason LIKE 'asked by sha256:%'), any(actor LIKE 'agent sha256:%'), countIf(user_id = 'u1'), uniq(execution), min(before) != '', max(after) != '', any(subject)))
FROM `+d.tables.Table("actions_log")).Scan(&row))
			if want := fmt.Sprintf("('%s',1,1,3,1,1,1,'user:u1')", kind); row != want {
				t.Errorf("got %s, want %s", row, want)
			}
			d.noCanaries(p, r, again)
		})
	}
}

func TestExecute_LostAnswers(t *testing.T) {
	for _, kind := range actions.Kinds() {
		if kind == actions.ChangeTerm {
			continue
		}
		for name, c := range map[string]struct {
			fault faultKind
			want  actions.Outcome
		}{
			"after_the_effect":  {lostAfter, actions.Done},
			"before_the_effect": {lostBefore, actions.Unknown},
			"html":              {html, actions.Done},
			"another_shape":     {otherShape, actions.Done},
		} {
			if (c.fault == html || c.fault == otherShape) && kind != actions.RefundPayment && kind != actions.GrantAccess {
				continue
			}
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				if kind != actions.RefundPayment {
					tier.Full(t, "every kind")
				}
				d, action, sends := begin(t, kind)
				d.fault = func(string) faultKind { return c.fault }
				p := d.plan(action)
				r, err := d.act.Execute(t.Context(), p, "test")
				if r == nil || r.Outcome != c.want || errors.Is(err, piano.ErrOutcomeUnknown) != (c.want == actions.Unknown) || d.changes() != 1 {
					t.Fatalf("%+v, %v, sent %v", r, err, d.sent)
				}
				last := sends[strings.LastIndex(sends, "/")+1:]
				if got := d.rows(); !strings.HasPrefix(got, "asked "+last+", unknown "+last+" unknown, looked ") || !strings.HasSuffix(got, "final "+string(c.want)) {
					t.Errorf("got %q", got)
				}
				d.fault = nil
				again, err := d.act.Execute(t.Context(), p, "test")
				if err != nil || !again.Repeated || again.Outcome != c.want || d.changes() != 1 {
					t.Errorf("again: %+v, %v, sent %v", again, err, d.sent)
				}
				d.noCanaries(p, r, fmt.Sprint(err))
			})
		}
	}
}

func TestExecute_AtOnce(t *testing.T) {
	for name, processes := range map[string]int{"one_process": 1, "five_processes": 5} {
		t.Run("one_plan/"+name, func(t *testing.T) {
			if processes == 1 {
				tier.Full(t, "the harder case is")
			}
			d, action, _ := begin(t, actions.RefundPayment)
			p := d.plan(action)
			all := make([]*actions.Actions, 5)
			for i := range all {
				if all[i] = d.act; processes > 1 {
					all[i] = d.process()
				}
			}
			done := make([]*actions.Report, len(all))
			together(len(all), func(i int) {
				var err error
				if done[i], err = all[i].Execute(t.Context(), p, "test"); err != nil {
					t.Error(err)
				}
			})
			won := 0
			for _, r := range done {
				if r != nil && r.Outcome == actions.Done && !r.Repeated {
					won++
				}
			}
			if d.changes() != 1 || won != 1 || d.payment["remaining_amount"] != 15.0 {
				t.Errorf("sent %v, %d say that they did it, %v remain", d.sent, won, d.payment["remaining_amount"])
			}
		})
		t.Run("plans_of_one_subscription/"+name, func(t *testing.T) {
			if processes == 1 {
				tier.Full(t, "the harder case is")
			}
			d, action, _ := begin(t, actions.NextBillDate)
			before := d.sub["next_bill_date"].(int64)
			plans, all := make([]*actions.Plan, 5), make([]*actions.Actions, 5)
			for i := range all {
				if all[i] = d.act; processes > 1 {
					all[i] = d.process()
				}
				action.Months, action.Days = 0, 7+i
				plans[i] = d.plan(action)
			}
			done := 0
			outcomes := make([]*actions.Report, len(all))
			together(len(all), func(i int) {
				var err error
				if outcomes[i], err = all[i].Execute(t.Context(), plans[i], "test"); err != nil {
					t.Error(err)
				}
			})
			for _, r := range outcomes {
				switch {
				case r != nil && r.Outcome == actions.Done:
					done++
				case r == nil || r.Outcome != actions.Refused:
					t.Errorf("got %+v", r)
				}
			}
			if moved := d.sub["next_bill_date"].(int64) - before; d.changes() != 1 || done != 1 || moved < 7*86400 || moved > 11*86400 {
				t.Errorf("sent %v, %d done, moved by %d seconds", d.sent, done, moved)
			}
		})
	}
}

// A process that died after its row asked leaves no result: the same plan is not sent
// again, and another plan waits until the claim is old.
func TestExecute_AfterAProcessThatDied(t *testing.T) {
	d, action, _ := begin(t, actions.RefundPayment)
	p := d.plan(action)
	d.act = d.patient(time.Millisecond)
	d.must(d.conn.Exec(t.Context(), "INSERT INTO "+d.tables.Table("actions_log")+` (action_id, execution, step, action, actor, subject, user_id, written_at)
SELECT '`+p.ID.String()+`', '00000000-0000-0000-0000-000000000001', 'asked', 'refund', 'somebody', 'user:u1', 'u1', now64(3)`))
	r, err := d.act.Execute(t.Context(), p, "test")
	if err == nil || r.Outcome != actions.Unknown || !r.Repeated || !strings.Contains(r.Why, "by somebody since") || d.changes() != 0 {
		t.Errorf("the same plan: %+v, %v", r, err)
	}
	other := d.plan(action)
	if r, err := d.act.Execute(t.Context(), other, "test"); err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "in progress, by somebody") || d.changes() != 0 {
		t.Errorf("another plan: %+v, %v", r, err)
	}
	d.late = 11 * time.Minute
	if r, err := d.act.Execute(t.Context(), other, "test"); err != nil || r.Outcome != actions.Done || d.changes() != 1 {
		t.Errorf("another plan, later: %+v, %v", r, err)
	}
	if r, err := d.act.Execute(t.Context(), p, "test"); err == nil || r.Outcome != actions.Unknown || d.changes() != 1 {
		t.Errorf("the same plan, later: %+v, %v", r, err)
	}
}

func TestExecute_RefusesWhatHasChanged(t *testing.T) {
	d, action, _ := begin(t, actions.CancelNow)
	p := d.plan(action)
	d.sub["next_bill_date"] = time.Now().AddDate(0, 2, 0).Unix()
	r, err := d.act.Execute(t.Context(), p, "test")
	if err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, "next_bill_date was") || d.changes() != 0 {
		t.Errorf("changed since the plan: %+v, %v", r, err)
	}
	// After the check, while the row is written: the check is old and is repeated.
	p = d.plan(action)
	reads := 0
	d.meanwhile = func(path string) {
		if reads++; path == "subscription/get" && reads > 1 {
			d.sub["status"] = "expired"
		}
		d.late += 6 * time.Second
	}
	r, err = d.act.Execute(t.Context(), p, "test")
	if err != nil || r.Outcome != actions.Refused || d.changes() != 0 {
		t.Errorf("changed after the check: %+v, %v", r, err)
	}
}

func TestExecute_Refusals(t *testing.T) {
	for name, c := range map[string]struct {
		kind    actions.Kind
		prepare func(*desk)
		between func(*desk) // after the plan
		whyIs   string
		sent    int
	}{
		"access_of_a_subscription": {kind: actions.RevokeAccess, prepare: func(d *desk) { d.accesses[0]["of_subscription"] = true }, whyIs: "5007", sent: 1},
		"refund_failed":            {kind: actions.CancelAndRefund, prepare: func(d *desk) { d.payment["refundable"] = false }, whyIs: "did not cancel", sent: 1},
		"false":                    {kind: actions.CancelNow, prepare: func(d *desk) { d.fault = func(string) faultKind { return falseAnswer } }, whyIs: "refused", sent: 1},
		"resolved_meanwhile":       {kind: actions.ReplyToInquiry, between: func(d *desk) { d.allowed = nil }, whyIs: "takes no more comments"},
		"refunded_meanwhile":       {kind: actions.RefundPayment, between: func(d *desk) { d.payment["remaining_amount"] = 4.0 }, whyIs: "more than the 4 EUR"},
	} {
		t.Run(name, func(t *testing.T) {
			d, action, _ := begin(t, c.kind)
			if c.prepare != nil {
				c.prepare(d)
			}
			p := d.plan(action)
			if !p.Possible() {
				t.Fatalf("%+v", p)
			}
			if c.between != nil {
				c.between(d)
			}
			r, err := d.act.Execute(t.Context(), p, "test")
			if err != nil || r.Outcome != actions.Refused || !strings.Contains(r.Why, c.whyIs) || d.changes() != c.sent {
				t.Errorf("%+v, %v, sent %v", r, err, d.sent)
			}
			d.noCanaries(p, r)
		})
	}
}

func TestExecute_NeedsAReason(t *testing.T) {
	d, action, _ := begin(t, actions.CancelNow)
	p := d.plan(action)
	for _, reason := range []string{"", "  ", "two\nlines", strings.Repeat("x", 501)} {
		if r, err := d.act.Execute(t.Context(), p, reason); !errors.Is(err, actions.ErrAction) || r != nil || d.changes() != 0 {
			t.Errorf("%q: %+v, %v", reason, r, err)
		}
	}
}
