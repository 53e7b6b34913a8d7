package care

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/actions"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
)

// maxDetailed is how many subscriptions are read one by one for their buttons: each costs
// a call.
const maxDetailed = 12

// subscriptionView is one subscription of a user.
type subscriptionView struct {
	ID, Term, Status string
	Live, Failing    bool
	// Access, Charge and Resume answer what customers ask.
	Access, Charge, Resume string
	CardSoon               bool
	Facts                  []field // Piano, now
	Stream                 []field // our tables
	Drift                  bool
	Problem                string
	Buttons                buttons
}

// streamState is what our tables say about one subscription.
type streamState struct {
	facts  []field
	drift  bool
	closed bool
	term   string
	status string
}

// streamStates reads it for all subscriptions of the user, the live ones first.
func (v *view) streamStates() (map[string]streamState, []string, error) {
	t, err := v.Figures.Table(v.req.Context(), figures.Query{Keep: listKeep, Params: map[string]string{"user": v.ID}, SQL: `
SELECT subscription_id, status, closed, term_name, price, currency, current_period_ends_at, autorenew, failed_payments, trial_ends_at, started_at, ended_at, end_reason, ` + openDrift + ` AS drift
FROM subscription_state WHERE ` + ofUser + ` ORDER BY closed, last_event_at DESC, subscription_id LIMIT 200`})
	if err != nil {
		return nil, nil, err
	}
	all, order := map[string]streamState{}, []string{}
	for i := range t.Rows {
		text := func(name string) string { return t.Text(i, t.Index(name)) }
		s := streamState{drift: isOne(text("drift")), closed: isOne(text("closed")), term: text("term_name"), status: text("status")}
		for _, f := range []field{{"status", text("status")}, {"price", strings.TrimSpace(text("price") + " " + text("currency"))}, {"period ends", text("current_period_ends_at")},
			{"auto-renew", text("autorenew")}, {"failed payments", text("failed_payments")}, {"trial ends", text("trial_ends_at")}, {"started", text("started_at")},
			{"ended", text("ended_at")}, {"end reason", text("end_reason")}} {
			if f.Value != "" && f.Value != "0" {
				s.facts = append(s.facts, f)
			}
		}
		id := text("subscription_id")
		all[id] = s
		order = append(order, id)
	}
	return all, order, nil
}

// loadSubscriptions reads the subscriptions of the user from Piano and our tables.
func (v *view) loadSubscriptions() error {
	ours, order, err := v.streamStates()
	if err != nil {
		return err
	}
	stats, more, err := v.Customers.Stats(v.req.Context(), v.ID)
	var failed error
	if err != nil && !errors.Is(err, piano.ErrNoUser) {
		failed = fmt.Errorf("there are no buttons, since the part from Piano could not be read: %w", err)
	}
	v.More = more
	accesses, _, err := v.Customers.Accesses(v.req.Context(), v.ID)
	if err != nil && failed == nil && !errors.Is(err, piano.ErrNoUser) {
		failed = err
	}
	slices.SortStableFunc(stats, func(a, b customer.Stat) int {
		return cmp.Or(cmp.Compare(endedLast(a), endedLast(b)), cmp.Compare(startOf(b), startOf(a)))
	})
	methods := v.methodOptions(stats)
	seen := map[string]bool{}
	for i, s := range stats {
		seen[s.SubscriptionID] = true
		one := subscriptionView{ID: s.SubscriptionID, Term: s.TermName, Status: cmp.Or(s.StatusLabel, s.Status), CardSoon: s.CardExpiresSoon,
			Stream: ours[s.SubscriptionID].facts, Drift: ours[s.SubscriptionID].drift}
		one.Access = accessText(s, accesses, v.Now())
		if i < maxDetailed {
			v.detail(&one, s, methods)
		} else {
			one.Problem = "Piano was not asked for the details of this one: the user has many."
		}
		v.Subscriptions = append(v.Subscriptions, one)
	}
	for _, id := range order {
		if !seen[id] {
			s := ours[id]
			v.Subscriptions = append(v.Subscriptions, subscriptionView{ID: id, Term: s.term, Status: statusText(s.status), Live: !s.closed, Stream: s.facts, Drift: s.drift,
				Problem: "Piano's summary of the user does not have it. The lines are from our tables."})
		}
	}
	return failed
}

// endedLast sorts subscriptions that are over behind the others.
func endedLast(s customer.Stat) int {
	if slices.Contains([]string{"A", "FAR", "P", "NS", "WC"}, s.Status) {
		return 0
	}
	return 1
}

func startOf(s customer.Stat) int64 {
	if s.LastPaymentAt == nil {
		return 0
	}
	return s.LastPaymentAt.Unix()
}

// detail reads one subscription with the flags that decide about its buttons.
func (v *view) detail(one *subscriptionView, stat customer.Stat, methods []option) {
	s, err := v.Customers.Piano().Get(v.req.Context(), one.ID)
	if err != nil {
		one.Problem = "Piano could not be asked for its details: " + err.Error()
		return
	}
	target := actions.Target{Subscription: &s}
	one.Live = actions.Decide(actions.AutoRenewOff, v.feature, target, actions.AllRoles()).Allowed || s.NextBillAt != nil
	one.Failing = s.Status == "fail_and_retry"
	one.Status, one.Term = statusText(cmp.Or(s.Status, one.Status)), cmp.Or(s.Term.Name, one.Term)
	one.Charge = chargeText(s)
	switch d := actions.Decide(actions.ResumeSubscription, v.feature, target, v.roles); {
	case d.Allowed:
		one.Resume = "It can be resumed."
	case d.Needless:
		one.Resume = "There is nothing to resume: it renews by itself."
	default:
		one.Resume = "It cannot be resumed: " + d.Why + "."
	}
	for _, f := range []field{{"term type", s.Term.Type}, {"plan", cmp.Or(s.BillingPlan, s.Term.BillingPlan)}, {"started", dateText(s.StartedAt)}, {"ended", dateText(s.EndedAt)},
		{"trial ends", dateText(s.TrialEndsAt)}, {"last payment", dateText(stat.LastPaymentAt)}, {"charges", intText(s.ChargeCount)}, {"billed by", s.ExternalAPI}, {"resource", stat.ResourceName}} {
		if f.Value != "" {
			one.Facts = append(one.Facts, f)
		}
	}
	for _, d := range actions.Decisions(v.feature, target, v.roles) {
		b := v.button(d, "user_id", v.ID, "subscription_id", one.ID)
		switch d.Kind {
		case actions.ChangePaymentMethod:
			b.Options = methods
		case actions.ChangeTerm:
			v.offerTerms(&b, s.Term.ID)
		}
		one.Buttons = append(one.Buttons, b)
	}
}

// offerTerms fills in the terms to which a subscription may change, with their prices.
func (v *view) offerTerms(b *button, from string) {
	terms, err := v.Customers.TermsFor(v.req.Context(), from)
	for _, t := range terms {
		b.Options = append(b.Options, option{t.ID, cmp.Or(t.Name, t.ID) + ", " + t.Price()})
	}
	switch {
	case !b.Allowed:
	case err != nil:
		b.Allowed, b.Why = false, err.Error()
	case len(b.Options) == 0:
		b.Allowed, b.Why = false, "the application has no term to change to"
	}
}

// methodOptions are the payment methods that Piano names in subscriptions and conversions
// of the user. What is in an old one may have been removed: the plan checks it.
func (v *view) methodOptions(stats []customer.Stat) []option {
	var ids []string
	for _, s := range stats {
		ids = append(ids, s.PaymentMethodID)
	}
	if len(stats) > 0 {
		conversions, _, err := v.Customers.Conversions(v.req.Context(), v.ID)
		if err == nil { // otherwise the others are enough
			for _, c := range conversions {
				ids = append(ids, c.PaymentMethodID)
			}
		}
	}
	slices.Sort(ids)
	var all []option
	for _, id := range slices.Compact(ids) {
		if id != "" {
			all = append(all, option{id, id})
		}
	}
	return all
}

func intText(n *int) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

// accessText says until when the customer has access by a subscription.
func accessText(s customer.Stat, all []customer.Access, now time.Time) string {
	i := slices.IndexFunc(all, func(a customer.Access) bool { return a.ID == s.AccessID && s.AccessID != "" })
	switch {
	case i < 0 && s.AccessExpired:
		return "No access: it has ended."
	case i < 0:
		return "Access: Piano does not list it."
	case all[i].ExpiresAt == nil && all[i].Granted:
		return "Access without an end."
	case !all[i].Granted || all[i].ExpiresAt.Before(now):
		return "No access: it ended " + dateText(all[i].ExpiresAt) + "."
	default:
		return "Access until " + instantText(all[i].ExpiresAt) + " UTC."
	}
}

// chargeText says what is charged and when.
func chargeText(s piano.Subscription) string {
	on := s.AutoRenew != nil && *s.AutoRenew
	plan := cmp.Or(s.BillingPlan, s.Term.BillingPlan)
	text := customer.PlanText(plan)
	if price := s.Term.FirstPrice; text == plan && price != "" {
		text += " (the price of the term is " + strings.TrimSpace(price+" "+s.Term.Currency) + ")"
	}
	switch {
	case s.NextBillAt == nil:
		return "No charge is planned."
	case on && s.Status == "fail_and_retry":
		return "The last payment failed; Piano tries again. Plan: " + text + "."
	case on:
		return "Next charge on " + dateText(s.NextBillAt) + ", by the plan " + text + "."
	default:
		return "No charge: auto-renew is off. It ends " + dateText(s.NextBillAt) + "."
	}
}
