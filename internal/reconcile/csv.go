package reconcile

import (
	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// FromCSV makes the snapshot's row, and the traits beside it, of what a
// subscription log says. What only the log tells is taken from it: the regular
// price, and when auto-renew was turned off. It names no currency.
func FromCSV(l subscriptionlog.Row) (Row, Traits) {
	r := Row{
		SubscriptionID: l.SubscriptionID, UserID: l.UserID, StartedAt: l.StartedAt, Status: l.Status, TermType: l.TermType,
		RegularPrice: l.RegularPrice, AutoRenew: l.AutoRenew, AutoRenewDisabledAt: l.AutoRenewDisabledAt,
		NextBillAt: l.NextBilledAt, EndedAt: l.EndedAt,
	}
	plan, read := ParsePlan(l.BillingPeriod)
	r.UnreadPlan, r.BillingPeriod = !read, plan.Period.String()
	r.ExpiryReason = expiryReason(l.Status, hadTrial(l) && !charged(l), l.AutoRenewDisabledAt != nil)
	return r, l.Traits
}

// hadTrial goes by the trial's end; without one the log says so in words.
func hadTrial(l subscriptionlog.Row) bool {
	return l.TrialPeriodEndedAt != nil || l.TrialStatus != "" && !noTrial.MatchString(l.TrialStatus)
}

// charged is true where the log does not tell: unknown is no reason to say that a
// trial has lapsed.
func charged(l subscriptionlog.Row) bool {
	switch {
	case l.ChargeCount != nil:
		return *l.ChargeCount > 0
	case l.TotalCharged != nil:
		return l.TotalCharged.IsPositive()
	default:
		return true
	}
}
