package reconcile

import (
	"strings"
	"time"

	"github.com/shopspring/decimal"

	"github.com/pianola/pianola/internal/piano"
)

// Row is one subscription of a snapshot: the columns of subscription_snapshots
// beside the snapshot's own. What the source does not tell is nil or empty.
// Instants are UTC.
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
	ExpiryReason        string // empty while it lives
	Currency            string
	NextBillAt          *time.Time
	EndedAt             *time.Time

	// UnreadPlan says that it has a billing plan which the grammar does not know.
	UnreadPlan bool
}

// FromAPI makes the snapshot's row of what the API says.
func FromAPI(s piano.Subscription) Row {
	r := Row{
		SubscriptionID: s.ID, UserID: s.UserID, StartedAt: s.StartedAt, Status: s.Status, TermType: s.Term.Type,
		AutoRenew: s.AutoRenew, NextBillAt: s.NextBillAt, EndedAt: s.EndedAt,
	}
	plan, read := ParsePlan(s.Term.BillingPlan)
	if own, ownRead := ParsePlan(s.BillingPlan); !read || plan == (Plan{}) {
		// The term has none, or says it in other words: the subscription's own.
		if s.BillingPlan != "" && (ownRead || s.Term.BillingPlan == "") {
			plan, read = own, ownRead
		}
	}
	r.UnreadPlan = !read
	r.BillingPeriod, r.Currency = plan.Period.String(), plan.Currency
	r.RegularPrice = price(plan.Price)
	trial := s.TrialEndsAt != nil || isTrue(s.InTrial)
	if r.RegularPrice == nil && read && plan.Segments <= 1 && !trial && !isTrue(s.Term.HasFreeTrial) {
		// A first price is the regular one only where nothing comes before it.
		if r.RegularPrice = price(s.Term.FirstPrice); r.RegularPrice != nil {
			r.Currency = s.Term.Currency
		}
	}
	charged := s.ChargeCount == nil || *s.ChargeCount > 0 // unknown is no reason to say that it was not
	r.ExpiryReason = expiryReason(s.Status, trial && !charged, false)
	return r
}

// expiryReason derives why a subscription ended from Piano's status: the API does
// not tell. The first that holds; empty while it lives. disabled says that it is
// known when auto-renew was turned off.
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

// price reads an amount as the tables keep it: four places, rounded half away from
// zero as in the stream. What is no amount, or too large for the column, is nil.
func price(text string) *decimal.Decimal {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 40 {
		return nil
	}
	d, err := decimal.NewFromString(text)
	if err != nil || d.Exponent() > 20 {
		return nil
	}
	if d = d.Round(4); d.Abs().Cmp(mostMoney) >= 0 {
		return nil
	}
	return &d
}

// mostMoney is what the stream refuses too (contract §1).
var mostMoney = decimal.New(1, 14)

func isTrue(b *bool) bool { return b != nil && *b }
