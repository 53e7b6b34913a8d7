package actions

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// Target is what an action is about, as read just now. A part is nil where it was not
// read.
type Target struct {
	User         *customer.User
	Subscription *piano.Subscription
	Payment      *customer.Payment
	Access       *customer.Access
	Inquiry      *InquiryTarget
}

// InquiryTarget is an inquiry, and the actions that it allows now.
type InquiryTarget struct {
	customer.Inquiry
	Allowed []string
}

// Decision is whether an action is possible. A button that is not allowed shows Why.
type Decision struct {
	Kind    Kind
	Label   string
	Allowed bool
	// Needless: the action would change nothing.
	Needless bool
	Why      string
}

// Decisions returns those of all kinds that concern the parts of a target, in the order of
// buttons.
func Decisions(f customer.Features, t Target, roles Roles) []Decision {
	var all []Decision
	for _, r := range kindRules {
		if t.has(r.about) {
			all = append(all, Decide(r.kind, f, t, roles))
		}
	}
	return all
}

func (t Target) has(part targetPart) bool {
	switch part {
	case partSubscription:
		return t.Subscription != nil
	case partPayment:
		return t.Payment != nil
	case partAccess:
		return t.Access != nil
	case partInquiry:
		return t.Inquiry != nil
	default:
		return t.User != nil
	}
}

// Decide decides whether an action is possible, by what the application allows, the flags
// of its target, and the roles of the agent. Pages and executions decide by it alone.
// Where Piano does not send a flag, the action is allowed and Piano decides.
func Decide(k Kind, f customer.Features, t Target, roles Roles) Decision {
	rule := k.rule()
	d := Decision{Kind: k, Label: rule.label}
	switch {
	case rule.kind == "":
		d.Why = "there is no such action"
	case !roles.Has(rule.role):
		d.Why = "it needs the role " + string(rule.role)
	case !t.has(rule.about):
		d.Why = notFound(rule.about)
	default:
		d.Why, d.Needless = refusalOf(k, f, t)
		d.Allowed = d.Why == ""
	}
	return d
}

// notFound says that there is no such part. Piano does not list revoked accesses, so one
// that is not there is not known to be revoked.
func notFound(part targetPart) string {
	if part == partAccess {
		return "Piano lists no such access of the user: it was revoked before, or is not the user's"
	}
	return "what it is about was not found"
}

// refusalOf returns why a target does not allow an action; empty where it does.
func refusalOf(k Kind, f customer.Features, t Target) (why string, needless bool) {
	switch k.rule().about {
	case partSubscription:
		return refusalOfSubscription(k, f, *t.Subscription)
	case partPayment:
		return refusalOfPayment(*t.Payment), false
	case partAccess:
		return refusalOfAccess(k, *t.Access)
	case partInquiry:
		return refusalOfInquiry(k, *t.Inquiry), false
	default:
		return "", false
	}
}

func refusalOfSubscription(k Kind, f customer.Features, s piano.Subscription) (why string, needless bool) {
	if s.ExternalAPI != "" {
		return "it is billed by " + s.ExternalAPI + ": change it there", false
	}
	if k == ResumeSubscription {
		v := resumabilityOf(s)
		switch {
		case v.renews:
			return v.why, true
		case v.endpoint == "":
			return v.why, false
		case v.endpoint == updateEndpoint && f.Known && !f.EnableAutoRenew:
			return noAutoRenew, false
		}
		return "", false
	}
	if !live(s) {
		return fmt.Sprintf("it has ended (%s)", s.Status), false
	}
	dynamic := s.Term.Type == "dynamic"
	switch k {
	case AutoRenewOn:
		switch {
		case isTrue(s.AutoRenew):
			return "its auto-renew is on already", true
		case f.Known && !f.EnableAutoRenew:
			return noAutoRenew, false
		case isFalse(s.AutoRenewChangeEnabled):
			return "Piano says that its auto-renew cannot be changed", false
		}
	case AutoRenewOff:
		switch {
		case !isTrue(s.AutoRenew):
			return "its auto-renew is off already", true
		case isTrue(s.Term.ForcesAutoRenew):
			return "its term always renews", false
		case isFalse(s.AutoRenewChangeEnabled):
			return "Piano says that its auto-renew cannot be changed", false
		}
	case NextBillDate:
		switch {
		case f.Known && !f.ChangeNextBillDate:
			return "the application does not allow to change the next bill date", false
		case s.NextBillAt == nil:
			return "it has no next bill date", false
		}
	case ChangePaymentMethod:
		if f.Known && !f.SwitchPaymentMethod {
			return "the application does not allow to change the payment method", false
		}
	case CancelNow:
		if isFalse(s.Cancelable) {
			return "Piano says that it cannot be cancelled", false
		}
	case CancelAndRefund:
		switch {
		case isFalse(s.Cancelable):
			return "Piano says that it cannot be cancelled", false
		case isFalse(s.CancelableAndRefunded):
			return "Piano says that it cannot be cancelled with a refund", false
		}
	case CancelAtPeriodEnd:
		switch {
		case !dynamic:
			return "only dynamic terms can be cancelled at the end of the period: turn auto-renew off instead", false
		case isFalse(s.CancelableAtPeriodEnd):
			return "Piano says that it cannot be cancelled at the end of the period", false
		}
	}
	return "", false
}

const noAutoRenew = "the application does not allow to turn auto-renew on again"

func refusalOfPayment(p customer.Payment) string {
	remaining, known := p.Remaining.Decimal()
	switch {
	case !isTrue(p.Refundable):
		return "Piano does not say that it is refundable: it may not be settled yet, or it is refunded already"
	case known && !remaining.IsPositive():
		return "nothing of it remains to be refunded"
	default:
		return ""
	}
}

func refusalOfAccess(k Kind, a customer.Access) (why string, needless bool) {
	switch {
	case a.Revoked:
		return "the access has been revoked", k == RevokeAccess
	case k == RevokeAccess && isFalse(a.CanRevoke):
		return "Piano says that it cannot be revoked: where it belongs to a subscription, cancel the subscription", false
	case k == RevokeAccess && !a.Granted:
		return "the access is not valid now: there is nothing to revoke", true
	default:
		return "", false
	}
}

func refusalOfInquiry(k Kind, i InquiryTarget) string {
	need := customer.InquiryReply
	if k == ResolveInquiry {
		need = customer.InquiryResolve
	}
	switch {
	case slices.Contains(i.Allowed, need):
		return ""
	case len(i.Allowed) == 0:
		return "the inquiry takes no more comments; the customer has to open a new one"
	default:
		return "the inquiry allows only " + strings.Join(i.Allowed, ", ")
	}
}
