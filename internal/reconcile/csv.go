package reconcile

import (
	"context"
	"errors"
	"io"
	"regexp"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
)

// Traits are one subscription's thirty synced traits: the columns of
// subscription_snapshot_traits without the snapshot's own, in the table's order.
type Traits = subscriptionlog.Traits

// fromCSV stores a subscription log as a snapshot, together with its traits. asOf is the
// moment that the file describes. After an error no view shows it, as with fromAPI.
func (s *store) fromCSV(ctx context.Context, log *subscriptionlog.Reader, asOf time.Time) (summary, error) {
	w, err := s.newSnapshot(ctx, sourceCSV, asOf)
	if err != nil {
		return summary{}, err
	}
	of, err := w.finish(ctx, w.readCSV(ctx, log))
	if c := log.Counts(); err == nil && c.UnknownStatuses+c.UnknownTermTypes > 0 {
		s.log.Warn("subscription log has unknown statuses or term types, they are kept unchanged",
			zap.Uint64("unknown_statuses", c.UnknownStatuses), zap.Uint64("unknown_term_types", c.UnknownTermTypes))
	}
	return of, err
}

func (w *snapshotWriter) readCSV(ctx context.Context, log *subscriptionlog.Reader) error {
	var traits []Traits
	read := w.store.progress.Count("read the subscription log", "subscriptions", 0)
	for {
		l, err := log.Next()
		if errors.Is(err, io.EOF) {
			return w.addTraits(ctx, traits)
		}
		if err != nil {
			return err
		}
		row, own := FromCSV(l)
		if err := w.add(ctx, row, l.Internal); err != nil {
			return err
		}
		if !l.Internal && !w.store.suppressed(row.SubscriptionID, row.UserID) {
			traits = append(traits, own)
		}
		if len(traits) < blockRows {
			continue
		}
		if err := w.addTraits(ctx, traits); err != nil {
			return err
		}
		if err := w.heartbeat(ctx); err != nil {
			return err
		}
		read.Add(uint64(len(traits)))
		traits = traits[:0]
	}
}

// addTraits inserts them. When a subscription comes again, the last row wins, as in the
// snapshot.
func (w *snapshotWriter) addTraits(ctx context.Context, traits []Traits) error {
	if len(traits) == 0 {
		return nil
	}
	columns := "snapshot_id, " + strings.Join(traitColumns, ", ") + ", synced_at"
	return w.store.insert(ctx, "subscription_snapshot_traits", columns, len(traits), func(i int) []any {
		return append(append([]any{w.snapshot.ID}, traitValues(&traits[i])...), w.lastSynced)
	})
}

// FromCSV converts a row of a subscription log to a snapshot row and its traits. Only
// the log has the regular price and the time at which auto-renew was turned off. It has
// no currency.
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

// noTrial matches the texts that the log uses for a subscription without a trial.
var noTrial = regexp.MustCompile(`(?i)^(no trial|no|none|false|n/a|-)$`)

// hadTrial uses the end of the trial, or else the text of the trial status.
func hadTrial(l subscriptionlog.Row) bool {
	return l.TrialPeriodEndedAt != nil || l.TrialStatus != "" && !noTrial.MatchString(l.TrialStatus)
}

// charged is true where the log has no value: an unknown charge does not show that a
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

// traitColumns are the columns that traitValues fills, in the table's order.
var traitColumns = []string{
	"subscription_id", "created_at", "started_at", "ended_at", "days_subscribed", "subscription_status", "upgrade_status",
	"trial_status", "trial_period_ended_at", "autorenew", "autorenew_disabled_at", "billing_period", "total_charged",
	"next_billed_at", "renewed", "in_grace_period", "grace_period_started_at", "grace_period_extended_to", "user_id",
	"access_expires_at", "resource_id", "resource_name", "term_id", "term_name", "term_type", "template_id",
	"template_name", "offer_id", "offer_name", "promo_code",
}

// traitValues are the values for an insert. An empty text is NULL, except for the ids of
// subscription and user.
func traitValues(t *Traits) []any {
	return []any{
		t.SubscriptionID, t.CreatedAt, t.StartedAt, t.EndedAt, t.DaysSubscribed, nullable(t.SubscriptionStatus), nullable(t.UpgradeStatus),
		nullable(t.TrialStatus), t.TrialPeriodEndedAt, t.AutoRenew, t.AutoRenewDisabledAt, nullable(t.BillingPeriod), t.TotalCharged,
		t.NextBilledAt, nullable(t.Renewed), t.InGracePeriod, t.GracePeriodStartedAt, t.GracePeriodExtendedTo, t.UserID,
		t.AccessExpiresAt, nullable(t.ResourceID), nullable(t.ResourceName), nullable(t.TermID), nullable(t.TermName), nullable(t.TermType), nullable(t.TemplateID),
		nullable(t.TemplateName), nullable(t.OfferID), nullable(t.OfferName), nullable(t.PromoCode),
	}
}
