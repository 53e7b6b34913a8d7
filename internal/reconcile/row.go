package reconcile

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
)

// Row is one subscription of a snapshot: the columns of subscription_snapshots without
// the snapshot's own. What the source does not have is nil or empty. Instants are UTC.
type Row struct {
	SubscriptionID      string
	UserID              string
	StartedAt           *time.Time
	BillingPeriod       string
	Status              string // as Piano names it
	TermType            string
	RegularPrice        *decimal.Decimal // four places
	AutoRenew           *bool
	AutoRenewDisabledAt *time.Time
	ExpiryReason        string // empty while it is live
	Currency            string
	NextBillAt          *time.Time
	EndedAt             *time.Time

	// UnreadPlan: the billing plan is outside the grammar of ParsePlan.
	UnreadPlan bool
	// Unreadable: the API's row had another form than expected. Only the id is known.
	Unreadable bool
}

// FromAPI converts a subscription of the API to a snapshot row.
func FromAPI(s piano.Subscription) Row {
	if s.Unreadable {
		return Row{SubscriptionID: s.ID, Unreadable: true}
	}
	r := Row{
		SubscriptionID: s.ID, UserID: s.UserID, StartedAt: s.StartedAt, Status: s.Status, TermType: s.Term.Type,
		AutoRenew: s.AutoRenew, NextBillAt: s.NextBillAt, EndedAt: s.EndedAt,
	}
	plan, read := ParsePlan(s.Term.BillingPlan)
	if own, ownRead := ParsePlan(s.BillingPlan); !read || plan == (Plan{}) {
		// The term's plan is absent or unknown: use the subscription's own.
		if s.BillingPlan != "" && (ownRead || s.Term.BillingPlan == "") {
			plan, read = own, ownRead
		}
	}
	r.UnreadPlan = !read
	r.BillingPeriod, r.Currency = plan.Period.String(), plan.Currency
	r.RegularPrice = price(plan.Price)
	trial := s.TrialEndsAt != nil || isTrue(s.InTrial)
	if r.RegularPrice == nil && read && plan.Segments <= 1 && !trial && !isTrue(s.Term.HasFreeTrial) {
		// A first price is the regular price only where nothing precedes it.
		if r.RegularPrice = price(s.Term.FirstPrice); r.RegularPrice != nil {
			r.Currency = s.Term.Currency
		}
	}
	charged := s.ChargeCount == nil || *s.ChargeCount > 0 // an unknown count does not show a lapsed trial
	r.ExpiryReason = expiryReason(s.Status, trial && !charged, false)
	return r
}

// expiryReason derives from Piano's status why a subscription ended: the API has no
// reason. It is empty while the subscription is live. disabled: the time at which
// auto-renew was turned off is known.
func expiryReason(status string, lapsedTrial, disabled bool) string {
	switch status {
	case "expired_with_error":
		return "payment_failed"
	case "upgraded":
		return "plan_change"
	case "completed":
		return "fixed_term_completed"
	case "deleted":
		return "deleted"
	case "cancelled":
		return "canceled"
	case "expired":
		switch {
		case lapsedTrial:
			return "trial_not_converted"
		case disabled:
			return "auto_renew_off"
		default:
			return "unknown"
		}
	default:
		return ""
	}
}

// price parses an amount and rounds it as piano.RoundAmount does. A text that is no
// amount, or too large, is nil.
func price(text string) *decimal.Decimal {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 40 {
		return nil
	}
	d, err := decimal.NewFromString(text)
	if err != nil || d.Exponent() > 20 {
		return nil
	}
	return piano.RoundAmount(d)
}

func isTrue(b *bool) bool { return b != nil && *b }
