package actions

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/transform"
)

// SubscriptionValues are the values of a subscription that plans show and rely on.
func SubscriptionValues(one piano.Subscription) map[string]string {
	v := map[string]string{
		"status": one.Status, "auto_renew": flagText(one.AutoRenew), "next_bill_date": instantText(one.NextBillAt),
		"ends_at": instantText(one.EndedAt), "term": one.Term.ID, "payment_method": one.PaymentMethodID,
		"can_be_resumed": flagText(one.CanBeResumed), "can_be_cancelled_at_period_end": flagText(one.CancelableAtPeriodEnd),
	}
	if one.ChargeCount != nil {
		v["charges"] = strconv.Itoa(*one.ChargeCount)
	}
	return v
}

func (s *Actions) lookAtSubscription(ctx context.Context, id string) (*sight, error) {
	one, err := s.API.Get(ctx, id)
	if err != nil {
		return nil, found(err, "there is no such subscription")
	}
	if strings.Contains(one.UserID, "sha256:") { // an address: requests need the original
		if err := s.Customers.LearnUser(ctx, id); err != nil {
			return nil, err
		}
	}
	return &sight{target: Target{Subscription: &one}, values: SubscriptionValues(one), user: one.UserID, subscription: one.ID}, nil
}

func (s *Actions) subscriptionOperation(a Action) operation {
	id := strings.TrimSpace(a.SubscriptionID)
	o := operation{
		look:    func(ctx context.Context) (*sight, error) { return s.lookAtSubscription(ctx, id) },
		request: Request{Endpoint: updateEndpoint, Parameters: map[string]string{"subscription_id": transform.Guard(id)}},
	}
	update := func(u piano.Update, name, value string) {
		o.request.Parameters[name] = value
		o.send = func(ctx context.Context) error { return s.API.Update(ctx, id, u) }
	}
	after := func(done func(b, a piano.Subscription) bool) {
		o.done = func(before, after *sight) bool { return done(*before.target.Subscription, *after.target.Subscription) }
	}
	switch a.Kind {
	case AutoRenewOn, AutoRenewOff:
		on := a.Kind == AutoRenewOn
		update(piano.Update{AutoRenew: &on}, "auto_renew", strconv.FormatBool(on))
		o.expect = map[string]string{"auto_renew": flagText(&on)}
		after(func(_, a piano.Subscription) bool { return a.AutoRenew != nil && *a.AutoRenew == on })
		if !on {
			o.warn = warnOfAutoRenew
		}
	case NextBillDate:
		s.nextBillDate(a, &o, update)
		after(func(b, n piano.Subscription) bool {
			return a.At != nil && sameInstant(n.NextBillAt, a.At) && !sameInstant(b.NextBillAt, a.At)
		})
	case ChangePaymentMethod:
		update(piano.Update{PaymentMethodID: a.PaymentMethodID}, "payment_method_id", transform.Guard(a.PaymentMethodID))
		o.object = "payment_method:" + transform.Guard(a.PaymentMethodID)
		o.expect = map[string]string{"payment_method": a.PaymentMethodID}
		o.look = func(ctx context.Context) (*sight, error) { return s.lookAtPaymentMethod(ctx, id, a.PaymentMethodID) }
		o.refuse = func(now *sight) (string, bool) {
			if now.target.Subscription.PaymentMethodID == a.PaymentMethodID {
				return "it is paid by this payment method already", true
			}
			if m := now.private.(customer.PaymentMethod); m.ExpiresAt != nil && !m.ExpiresAt.After(s.Now()) {
				return "the card has expired", false
			}
			return "", false
		}
		after(func(_, n piano.Subscription) bool { return n.PaymentMethodID == a.PaymentMethodID })
	case CancelNow, CancelAndRefund:
		refund := a.Kind == CancelAndRefund
		o.request.Endpoint = piano.CancelSubscription.Path()
		o.request.Parameters["refund_last_payment"] = strconv.FormatBool(refund)
		o.send = func(ctx context.Context) error { return s.API.Cancel(ctx, id, refund) }
		o.expect = map[string]string{"status": "cancelled"}
		o.warn = func(*sight, customer.Features) string {
			return "the access ends now, not at the end of the period"
		}
		if refund {
			s.refundOfCancel(id, &o)
		}
		after(func(_, a piano.Subscription) bool { return !live(a) })
	case CancelAtPeriodEnd:
		o.request.Endpoint = piano.CancelSubscriptionAtEnd.Path()
		o.send = func(ctx context.Context) error { return s.API.CancelAtPeriodEnd(ctx, id) }
		o.expect = map[string]string{"can_be_cancelled_at_period_end": flagText(new(bool))}
		after(func(b, a piano.Subscription) bool {
			return !live(a) || isTrue(b.AutoRenew) && !isTrue(a.AutoRenew) || isTrue(b.CancelableAtPeriodEnd) && !isTrue(a.CancelableAtPeriodEnd) ||
				!isTrue(b.CanBeResumed) && isTrue(a.CanBeResumed)
		})
	case ResumeSubscription:
		o.request.Endpoint = resumeEndpoint // or update, by resolve
		o.expect = map[string]string{"can_be_resumed": flagText(new(bool))}
		o.send = func(ctx context.Context) error { return s.API.Resume(ctx, id) }
		after(resumed)
	case ChangeTerm:
		s.changeTerm(a, id, &o)
		o.later = a.Billing != piano.BillNow
		o.pending = func(before, after *sight) string {
			p, earlier := after.private.(changeProgress), before.private.(changeProgress)
			if !p.known || p.status.Final() || earlier == p {
				return ""
			}
			return "Piano has accepted the change, and says " + p.status.String()
		}
		after(func(_, n piano.Subscription) bool {
			return n.Status == "upgraded" || n.Term.ID == transform.Guard(a.ToTerm)
		})
	}
	look := o.look
	o.look = func(ctx context.Context) (*sight, error) {
		now, err := look(ctx)
		if err == nil {
			err = now.ofUser(a.UserID)
		}
		return now, err
	}
	return o
}

// refundOfCancel adds what a cancellation refunds: the last payment of the subscription.
func (s *Actions) refundOfCancel(id string, o *operation) {
	const unknown = "Piano does not say"
	o.look = func(ctx context.Context) (*sight, error) {
		now, err := s.lookAtSubscription(ctx, id)
		if err != nil {
			return nil, err
		}
		last, err := s.lastPayment(ctx, now.user, now.subscription)
		switch {
		case err != nil:
			return nil, err
		case last == nil:
			now.values["last_payment"] = unknown
			return now, nil
		}
		amount := last.Remaining.String()
		if amount == "" {
			amount = last.Amount.String()
		}
		now.values["last_payment"] = fmt.Sprintf("%s, %s %s can be refunded", last.ID, amount, last.Currency)
		if isFalse(last.Refundable) {
			now.values["last_payment"] = fmt.Sprintf("%s, %s %s, not refundable now", last.ID, amount, last.Currency)
		}
		o.expect["last_payment"] = fmt.Sprintf("%s, %s %s refunded", last.ID, amount, last.Currency)
		return now, nil
	}
	ends := o.warn
	o.warn = func(now *sight, f customer.Features) string {
		switch text := now.values["last_payment"]; {
		case text == unknown:
			return ends(now, f) + "; Piano does not say which payment it refunds, nor its amount"
		case strings.HasSuffix(text, "not refundable now"):
			return ends(now, f) + "; Piano says that the last payment is not refundable now: it may not be settled yet. Where the refund fails, nothing is cancelled"
		default:
			return ends(now, f)
		}
	}
}

// lastPayment is the latest payment of a subscription, as it is now; nil where Piano names
// none. Conversions are the only list of payments.
func (s *Actions) lastPayment(ctx context.Context, user, subscription string) (*customer.Payment, error) {
	if user == "" {
		return nil, nil
	}
	all, _, err := s.Customers.Conversions(ctx, user)
	if err != nil {
		return nil, err
	}
	var last *customer.Conversion
	for i, c := range all {
		ours := c.SubscriptionID == subscription || c.Payment != nil && c.Payment.SubscriptionID == subscription
		if ours && c.Payment != nil && (last == nil || c.CreatedAt != nil && (last.CreatedAt == nil || c.CreatedAt.After(*last.CreatedAt))) {
			last = &all[i]
		}
	}
	if last == nil {
		return nil, nil
	}
	p, err := s.Customers.Payment(ctx, last.Payment.ID)
	if err != nil {
		return nil, found(err, "Piano has no longer the last payment of the subscription")
	}
	return &p, nil
}

// warnOfAutoRenew says what cannot be undone.
func warnOfAutoRenew(_ *sight, f customer.Features) string {
	if f.Known && !f.EnableAutoRenew {
		return "auto-renew cannot be turned on again: the application does not allow it"
	}
	return ""
}

func (s *Actions) nextBillDate(a Action, o *operation, update func(piano.Update, string, string)) {
	o.resolve = func(a *Action, now *sight) error {
		if a.At == nil {
			at := Postpone(*now.target.Subscription.NextBillAt, a.Months, a.Days)
			a.At, a.Months, a.Days = &at, 0, 0
		}
		return nil
	}
	if a.At == nil {
		return
	}
	update(piano.Update{NextBillAt: a.At}, "next_bill_date", epochText(a.At))
	o.expect = map[string]string{"next_bill_date": instantText(a.At)}
	o.refuse = func(now *sight) (string, bool) {
		if sameInstant(now.target.Subscription.NextBillAt, a.At) {
			return "its next bill date is this one already", true
		}
		return "", false
	}
	o.warn = func(now *sight, _ customer.Features) string {
		if !isTrue(now.target.Subscription.AutoRenew) {
			return "its auto-renew is off: it ends on the new date instead of renewing"
		}
		return ""
	}
}

// lookAtPaymentMethod reads the subscription, and checks that the user has the method.
func (s *Actions) lookAtPaymentMethod(ctx context.Context, id, method string) (*sight, error) {
	now, err := s.lookAtSubscription(ctx, id)
	if err != nil {
		return nil, err
	}
	if now.user == "" {
		return nil, absent{"Piano names no user for it, so the payment method cannot be checked"}
	}
	m, err := s.Customers.PaymentMethod(ctx, now.user, method)
	if err != nil {
		return nil, found(err, "the user has no such payment method")
	}
	now.private = m
	return now, nil
}

// resumption returns the operation of a resume, which depends on the term.
func (s *Actions) resumption(o operation, id string, now *sight) operation {
	if resumabilityOf(*now.target.Subscription).endpoint != updateEndpoint {
		return o
	}
	on := true
	o.request = Request{Endpoint: updateEndpoint, Parameters: map[string]string{"subscription_id": transform.Guard(id), "auto_renew": "true"}}
	o.expect = map[string]string{"auto_renew": flagText(&on)}
	o.send = func(ctx context.Context) error {
		return s.API.Update(ctx, id, piano.Update{AutoRenew: &on})
	}
	return o
}

// changeTerm is a change of term. A look also checks whether Piano allows it, and whether
// another change is in progress.
func (s *Actions) changeTerm(a Action, id string, o *operation) {
	c := func(user string) Change {
		return Change{TermChange: piano.TermChange{UserID: user, SubscriptionID: id, ToTerm: a.ToTerm, ToPeriod: a.ToPeriod,
			Billing: a.Billing, ImmediateAccess: a.ImmediateAccess, ProrateAccess: a.ProrateAccess}}
	}
	var user string // as of the last look
	o.look = func(ctx context.Context) (*sight, error) {
		now, err := s.lookAtSubscription(ctx, id)
		if err != nil {
			return nil, err
		}
		if now.user == "" {
			return nil, absent{"Piano names no user for it, and the request needs one: use pianola subscription upgrade --user"}
		}
		if user, err = s.Customers.Original(now.user); err != nil {
			return nil, err
		}
		term, err := s.Customers.Term(ctx, a.ToTerm)
		if err != nil {
			return nil, found(err, "the application has no such term")
		}
		now.values["price"] = customer.PlanText(cmp.Or(now.target.Subscription.BillingPlan, now.target.Subscription.Term.BillingPlan))
		o.expect["price"] = term.Price()
		progress, err := (&action{Actions: s}).status(ctx, c(user).TermChange)
		if err != nil {
			return nil, err
		}
		if progress.known {
			now.values["change_of_term"] = progress.status.String()
		}
		now.private = progress
		return now, nil
	}
	o.request = *changeRequest(c(""))
	delete(o.request.Parameters, "uid")
	o.expect = map[string]string{"term": a.ToTerm}
	o.refuse = func(now *sight) (string, bool) {
		if now.target.Subscription.Term.ID == transform.Guard(a.ToTerm) {
			return "the subscription has that term already", true
		}
		if p := now.private.(changeProgress); p.known && !p.status.Final() {
			return "a change of its term is under way: " + p.status.String(), false
		}
		return "", false
	}
	o.send = func(ctx context.Context) error {
		can, err := s.API.CanChange(ctx, id)
		switch {
		case err != nil && !refusal(err):
			return fmt.Errorf("nothing was sent: %w", err)
		case err != nil || !can:
			return fmt.Errorf("%w: Piano says that its term cannot be changed now", piano.ErrRefused)
		}
		return s.API.Change(ctx, c(user).TermChange)
	}
}
