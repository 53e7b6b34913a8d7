package reconcile

import (
	"regexp"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// Traits are one subscription's thirty synced traits: the columns of
// subscription_snapshot_traits beside the snapshot's own, in their order.
type Traits = subscriptionlog.Traits

// noTrial is how the log says that there was none.
var noTrial = regexp.MustCompile(`(?i)^(no trial|no|none|false|n/a|-)$`)

// traitColumns are the columns of subscription_snapshot_traits that traitValues
// fills, in the table's order.
var traitColumns = []string{
	"subscription_id", "created_at", "started_at", "ended_at", "days_subscribed", "subscription_status", "upgrade_status",
	"trial_status", "trial_period_ended_at", "autorenew", "autorenew_disabled_at", "billing_period", "total_charged",
	"next_billed_at", "renewed", "in_grace_period", "grace_period_started_at", "grace_period_extended_to", "user_id",
	"access_expires_at", "resource_id", "resource_name", "term_id", "term_name", "term_type", "template_id",
	"template_name", "offer_id", "offer_name", "promo_code",
}

// traitValues are the values as an insert takes them: a text that is absent is
// NULL, but for the ids of subscription and user.
func traitValues(t *Traits) []any {
	return []any{
		t.SubscriptionID, t.CreatedAt, t.StartedAt, t.EndedAt, t.DaysSubscribed, known(t.SubscriptionStatus), known(t.UpgradeStatus),
		known(t.TrialStatus), t.TrialPeriodEndedAt, t.AutoRenew, t.AutoRenewDisabledAt, known(t.BillingPeriod), t.TotalCharged,
		t.NextBilledAt, known(t.Renewed), t.InGracePeriod, t.GracePeriodStartedAt, t.GracePeriodExtendedTo, t.UserID,
		t.AccessExpiresAt, known(t.ResourceID), known(t.ResourceName), known(t.TermID), known(t.TermName), known(t.TermType), known(t.TemplateID),
		known(t.TemplateName), known(t.OfferID), known(t.OfferName), known(t.PromoCode),
	}
}
