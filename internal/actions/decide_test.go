package actions_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

func on() *bool  { b := true; return &b }
func off() *bool { return new(bool) }

func TestDecide(t *testing.T) {
	all := customer.Features{Known: true, ChangeNextBillDate: true, EnableAutoRenew: true, SwitchPaymentMethod: true}
	next := time.Now().AddDate(0, 0, 5)
	sub := func(change func(*piano.Subscription)) actions.Target {
		s := piano.Subscription{ID: "S", UserID: "u", Status: "active", AutoRenew: on(), NextBillAt: &next, Term: piano.Term{ID: "T", Type: "payment"}}
		if change != nil {
			change(&s)
		}
		return actions.Target{Subscription: &s}
	}
	dynamic := func(change func(*piano.Subscription)) actions.Target {
		return sub(func(s *piano.Subscription) {
			s.Term.Type = "dynamic"
			if change != nil {
				change(s)
			}
		})
	}
	payment := func(refundable *bool, remaining string) actions.Target {
		p := customer.Payment{ID: "P", Refundable: refundable}
		if remaining != "" {
			p.Remaining = amount(remaining)
		}
		return actions.Target{Payment: &p}
	}
	inquiry := func(allowed ...string) actions.Target {
		return actions.Target{Inquiry: &actions.InquiryTarget{Allowed: allowed}}
	}
	none := customer.Features{Known: true}
	for name, c := range map[string]struct {
		kind     actions.Kind
		features customer.Features
		target   actions.Target
		roles    actions.Roles
		why      string // empty: it is allowed
		needless bool
	}{
		"viewer":                    {kind: actions.AddNote, target: actions.Target{User: &customer.User{}}, roles: actions.Roles{actions.RoleViewer, actions.RoleOps, actions.RolePromo}, why: "needs the role care"},
		"care":                      {kind: actions.AddNote, target: actions.Target{User: &customer.User{}}, roles: actions.Roles{actions.RoleCare}},
		"care_cannot_refund":        {kind: actions.RefundPayment, target: payment(on(), "5"), roles: actions.Roles{actions.RoleCare}, why: "needs the role care_money"},
		"care_cannot_cancel":        {kind: actions.CancelAtPeriodEnd, target: dynamic(nil), roles: actions.Roles{actions.RoleCare}, why: "needs the role care_money"},
		"money_includes_care":       {kind: actions.AutoRenewOff, features: all, target: sub(nil), roles: actions.Roles{actions.RoleCareMoney}},
		"nobody":                    {kind: actions.AutoRenewOff, features: all, target: sub(nil), roles: actions.Roles{}, why: "needs the role"},
		"no_such_kind":              {kind: "explode", target: sub(nil), why: "no such action"},
		"without_its_object":        {kind: actions.RefundPayment, target: sub(nil), why: "was not found"},
		"renew_on_again":            {kind: actions.AutoRenewOn, features: none, target: sub(func(s *piano.Subscription) { s.AutoRenew = off() }), why: "does not allow to turn auto-renew on"},
		"renew_on":                  {kind: actions.AutoRenewOn, features: all, target: sub(func(s *piano.Subscription) { s.AutoRenew = off() })},
		"renew_on_unknown_features": {kind: actions.AutoRenewOn, target: sub(func(s *piano.Subscription) { s.AutoRenew = off() })},
		"renew_is_on":               {kind: actions.AutoRenewOn, features: all, target: sub(nil), why: "on already", needless: true},
		"renew_off":                 {kind: actions.AutoRenewOff, features: none, target: sub(nil)}, // off is always possible
		"renew_is_off":              {kind: actions.AutoRenewOff, features: all, target: sub(func(s *piano.Subscription) { s.AutoRenew = off() }), why: "off already", needless: true},
		"renew_forced":              {kind: actions.AutoRenewOff, features: all, target: sub(func(s *piano.Subscription) { s.Term.ForcesAutoRenew = on() }), why: "always renews"},
		"renew_fixed":               {kind: actions.AutoRenewOff, features: all, target: sub(func(s *piano.Subscription) { s.AutoRenewChangeEnabled = off() }), why: "cannot be changed"},
		"external":                  {kind: actions.CancelNow, features: all, target: sub(func(s *piano.Subscription) { s.ExternalAPI = "APPLE_ITUNES" }), why: "billed by APPLE_ITUNES"},
		"external_resume":           {kind: actions.ResumeSubscription, features: all, target: sub(func(s *piano.Subscription) { s.ExternalAPI = "SWG"; s.AutoRenew = off() }), why: "billed by SWG"},
		"ended":                     {kind: actions.NextBillDate, features: all, target: sub(func(s *piano.Subscription) { s.Status = "expired" }), why: "has ended (expired)"},
		"bill_date":                 {kind: actions.NextBillDate, features: all, target: sub(nil)},
		"bill_date_forbidden":       {kind: actions.NextBillDate, features: none, target: sub(nil), why: "does not allow to change the next bill date"},
		"no_bill_date":              {kind: actions.NextBillDate, features: all, target: sub(func(s *piano.Subscription) { s.NextBillAt = nil }), why: "no next bill date"},
		"method_forbidden":          {kind: actions.ChangePaymentMethod, features: none, target: sub(nil), why: "does not allow to change the payment method"},
		"cancel":                    {kind: actions.CancelNow, features: none, target: sub(nil)},
		"cancel_forbidden":          {kind: actions.CancelNow, features: all, target: sub(func(s *piano.Subscription) { s.Cancelable = off() }), why: "cannot be cancelled"},
		"cancel_refund_forbidden":   {kind: actions.CancelAndRefund, features: all, target: sub(func(s *piano.Subscription) { s.CancelableAndRefunded = off() }), why: "with a refund"},
		"cancel_later_payment":      {kind: actions.CancelAtPeriodEnd, features: all, target: sub(nil), why: "turn auto-renew off instead"},
		"cancel_later":              {kind: actions.CancelAtPeriodEnd, features: all, target: dynamic(nil)},
		"cancel_later_forbidden":    {kind: actions.CancelAtPeriodEnd, features: all, target: dynamic(func(s *piano.Subscription) { s.CancelableAtPeriodEnd = off() }), why: "cannot be cancelled at the end"},
		"resume_by_renewal":         {kind: actions.ResumeSubscription, features: none, target: sub(func(s *piano.Subscription) { s.AutoRenew = off() }), why: "does not allow to turn auto-renew on"},
		"resume_renews":             {kind: actions.ResumeSubscription, features: all, target: sub(nil), why: "renews by itself", needless: true},
		"refund":                    {kind: actions.RefundPayment, target: payment(on(), "5")},
		"refund_unsettled":          {kind: actions.RefundPayment, target: payment(off(), "5"), why: "not be settled"},
		"refund_unknown":            {kind: actions.RefundPayment, target: payment(nil, "5"), why: "not be settled"},
		"refund_used_up":            {kind: actions.RefundPayment, target: payment(on(), "0"), why: "nothing of it remains"},
		"revoke":                    {kind: actions.RevokeAccess, target: actions.Target{Access: &customer.Access{ID: "A", Granted: true}}},
		"revoke_of_subscription":    {kind: actions.RevokeAccess, target: actions.Target{Access: &customer.Access{ID: "A", CanRevoke: off()}}, why: "cancel the subscription"},
		"revoke_again":              {kind: actions.RevokeAccess, target: actions.Target{Access: &customer.Access{ID: "A", Revoked: true}}, why: "has been revoked", needless: true},
		"extend_revoked":            {kind: actions.ExtendAccess, target: actions.Target{Access: &customer.Access{ID: "A", Revoked: true}}, why: "has been revoked"},
		"reply":                     {kind: actions.ReplyToInquiry, target: inquiry("REPLY_ONLY")},
		"reply_to_resolved":         {kind: actions.ReplyToInquiry, target: inquiry(), why: "takes no more comments"},
		"resolve_forbidden":         {kind: actions.ResolveInquiry, target: inquiry("REPLY_ONLY"), why: "allows only REPLY_ONLY"},
	} {
		if c.roles == nil {
			c.roles = actions.AllRoles()
		}
		d := actions.Decide(c.kind, c.features, c.target, c.roles)
		if d.Allowed != (c.why == "") || !strings.Contains(d.Why, c.why) || d.Needless != c.needless {
			t.Errorf("%s: %+v, want %q", name, d, c.why)
		}
	}
	if buttons := actions.Decisions(all, sub(nil), actions.AllRoles()); len(buttons) != 9 || buttons[0].Kind != actions.AutoRenewOn || buttons[0].Why == "" || buttons[1].Label == "" {
		t.Errorf("buttons of a subscription: %+v", buttons)
	}
	for _, k := range actions.Kinds() {
		if !k.Known() || k.Label() == "" || k.Needs() != actions.RoleCare && k.Needs() != actions.RoleCareMoney {
			t.Errorf("%s has no rule", k)
		}
	}
}

func TestPlan_PartialRefunds(t *testing.T) {
	for name, c := range map[string]struct {
		amount  string
		prepare func(*desk)
		why     string // empty: possible
		asks    bool   // asks whether a part is allowed
	}{
		"all":                   {},
		"all_by_amount":         {amount: "20"},
		"a_part":                {amount: "19.99", asks: true},
		"a_part_not_allowed":    {amount: "5", prepare: func(d *desk) { d.partly = false }, why: "as a whole only", asks: true},
		"all_where_no_part_is":  {amount: "20", prepare: func(d *desk) { d.partly = false }},
		"too_much":              {amount: "20.01", why: "more than the 20 EUR"},
		"more_than_is_left":     {amount: "6", prepare: func(d *desk) { d.payment["remaining_amount"] = 5.5 }, why: "more than the 5.5 EUR"},
		"text_amounts":          {amount: "5", prepare: func(d *desk) { d.payment["remaining_amount"] = "20.00" }, asks: true},
		"remaining_is_unknown":  {amount: "5", prepare: func(d *desk) { d.payment["remaining_amount"] = nil }, asks: true},
		"nothing_is_known":      {amount: "5", prepare: func(d *desk) { d.payment["remaining_amount"], d.payment["amount"] = nil, nil }, why: "how much of it remains", asks: true},
		"not_settled":           {prepare: func(d *desk) { d.payment["refundable"] = false }, why: "settled"},
		"refundable_as_text":    {prepare: func(d *desk) { d.payment["refundable"] = "true" }},
		"refundable_is_unknown": {prepare: func(d *desk) { d.payment["refundable"] = nil }, why: "settled"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			if c.prepare != nil {
				c.prepare(d)
			}
			asked := false
			d.meanwhile = func(path string) { asked = asked || path == "payment/isPartialRefund" }
			a := actions.Action{Kind: actions.RefundPayment, PaymentID: "UP1"}
			if c.amount != "" {
				a.Amount = amount(c.amount)
			}
			p := d.plan(a)
			if p.Possible() != (c.why == "") || !strings.Contains(p.Why, c.why) || asked != c.asks || d.changes() != 0 {
				t.Errorf("%+v, asked about a part: %v", p, asked)
			}
			d.noCanaries(p)
		})
	}
	d := newDesk(t)
	for _, wrong := range []string{"0", "-1", "1.0001"} {
		if _, err := d.act.Plan(t.Context(), actions.Action{Kind: actions.RefundPayment, PaymentID: "UP1", Amount: amount(wrong)}); !errors.Is(err, actions.ErrAction) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

func TestPlan_Dates(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		from         string
		months, days int
		want         string
	}{
		{"2026-01-31T10:00:00Z", 1, 0, "2026-02-28T10:00:00Z"},
		{"2028-01-31T10:00:00Z", 1, 0, "2028-02-29T10:00:00Z"},
		{"2026-12-31T23:59:59Z", 2, 0, "2027-02-28T23:59:59Z"},
		{"2026-11-15T00:00:00+02:00", 1, 0, "2026-12-14T22:00:00Z"},
		{"2026-12-28T10:00:00Z", 0, 7, "2027-01-04T10:00:00Z"},
		{"2026-01-31T10:00:00Z", 1, 1, "2026-03-01T10:00:00Z"},
	} {
		if got := actions.Postpone(day(c.from), c.months, c.days); !got.Equal(day(c.want)) {
			t.Errorf("%s + %d months %d days: %s, want %s", c.from, c.months, c.days, got, c.want)
		}
	}
	d := newDesk(t)
	old := d.sub["next_bill_date"].(int64)
	p := d.plan(actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S1", Days: 7})
	if p.Action.At == nil || p.Action.At.Unix() != old+7*86400 || p.Action.Days != 0 || p.Before["next_bill_date"] == p.After["next_bill_date"] {
		t.Errorf("a free week: %+v", p)
	}
	past, same := time.Now().Add(-time.Hour), time.Unix(old, 0)
	if _, err := d.act.Plan(t.Context(), actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S1", At: &past}); !errors.Is(err, actions.ErrAction) {
		t.Errorf("the past: %v", err)
	}
	if p := d.plan(actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S1", At: &same}); p.Outcome != actions.Done || p.Request != nil {
		t.Errorf("nothing to do: %+v", p)
	}
	d.features["allow_change_next_bill_date"] = false
	if p := d.plan(actions.Action{Kind: actions.NextBillDate, SubscriptionID: "S1", Days: 7}); !p.Possible() {
		t.Errorf("what the application allows is asked once: %+v", p)
	}
}

func TestPlan_Refusals(t *testing.T) {
	d := newDesk(t)
	text := customer.NewPersonal("x")
	for name, c := range map[string]struct {
		action actions.Action
		why    string
	}{
		"no_subscription":     {actions.Action{Kind: actions.CancelNow, SubscriptionID: "S2"}, "no such subscription"},
		"no_payment":          {actions.Action{Kind: actions.RefundPayment, PaymentID: "UP2"}, "no such payment"},
		"no_user":             {actions.Action{Kind: actions.AddNote, UserID: "u2", Text: text}, "no such user"},
		"no_user_to_grant":    {actions.Action{Kind: actions.GrantAccess, UserID: "u2", ResourceID: "R1"}, "no such user"},
		"anothers_sub":        {actions.Action{Kind: actions.CancelNow, SubscriptionID: "S1", UserID: "u2"}, "belongs to another user"},
		"anothers_payment":    {actions.Action{Kind: actions.RefundPayment, PaymentID: "UP1", UserID: "u2"}, "belongs to another user"},
		"no_inquiry":          {actions.Action{Kind: actions.ReplyToInquiry, UserID: "u1", InquiryID: "I2", Text: text}, "no such inquiry"},
		"unknown_method":      {actions.Action{Kind: actions.ChangePaymentMethod, SubscriptionID: "S1", PaymentMethodID: "PM9"}, "no such payment method"},
		"unknown_access":      {actions.Action{Kind: actions.ExtendAccess, UserID: "u1", AccessID: "A9", Days: 1}, "lists no such access"},
		"no_role":             {actions.Action{Kind: actions.CancelNow, SubscriptionID: "S1"}, "needs the role care_money"},
		"shortens_the_access": {actions.Action{Kind: actions.ExtendAccess, UserID: "u1", AccessID: "A1", At: soon()}, "would shorten"},
	} {
		act := d.act
		if name == "no_role" {
			act = act.For("somebody", actions.Roles{actions.RoleCare})
		}
		p, err := act.Plan(t.Context(), c.action)
		if err != nil || p.Outcome != actions.Refused || !strings.Contains(p.Why, c.why) || p.Request != nil {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
		if r, err := act.Execute(t.Context(), p, "test"); err != nil || r.Outcome != actions.Refused || d.changes() > 0 {
			t.Errorf("%s, executed: %+v, %v", name, r, err)
		}
		d.noCanaries(p)
	}
	for name, a := range map[string]actions.Action{
		"no_kind":            {SubscriptionID: "S1"},
		"no_id":              {Kind: actions.CancelNow},
		"hash":               {Kind: actions.CancelNow, SubscriptionID: "sha256:00"},
		"no_text":            {Kind: actions.AddNote, UserID: "u1"},
		"long_text":          {Kind: actions.ReplyToInquiry, UserID: "u1", InquiryID: "I1", Text: customer.NewPersonal(strings.Repeat("x", 3001))},
		"message_sans_mail":  {Kind: actions.GrantAccess, UserID: "u1", ResourceID: "R1", Text: text},
		"two_dates":          {Kind: actions.NextBillDate, SubscriptionID: "S1", At: soon(), Days: 1},
		"backwards":          {Kind: actions.NextBillDate, SubscriptionID: "S1", Days: -1},
		"many_years":         {Kind: actions.NextBillDate, SubscriptionID: "S1", Days: 4000},
		"centuries":          {Kind: actions.GrantAccess, UserID: "u1", ResourceID: "R1", At: centuries()},
		"grant_of_nothing":   {Kind: actions.GrantAccess, UserID: "u1"},
		"extends_by_nothing": {Kind: actions.ExtendAccess, UserID: "u1", AccessID: "A1"},
	} {
		if p, err := d.act.Plan(t.Context(), a); !errors.Is(err, actions.ErrAction) {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
}

func soon() *time.Time      { at := time.Now().Add(time.Hour); return &at }
func centuries() *time.Time { at := time.Now().AddDate(100, 0, 0); return &at }
