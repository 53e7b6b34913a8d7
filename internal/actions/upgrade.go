package actions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

const (
	canEndpoint    = "/publisher/term/change/can"
	changeEndpoint = "/publisher/term/change/do"
	statusEndpoint = "/publisher/term/change/getSubscriptionUpgradeStatus"
)

// Change is a requested change of term. Where the subscription does not have FromTerm,
// nothing is sent.
type Change struct {
	piano.TermChange
	FromTerm string
	// Wait is how long an accepted change is followed, including slow answers of the API;
	// 0 reads the status once.
	Wait time.Duration
}

// Upgrade changes the term of a subscription to a more or less expensive one. An empty
// UserID is the subscription's. Where the API returns no user, the given one is sent.
// Report and error are those of Resume.
func (s *Actions) Upgrade(ctx context.Context, c Change, execute bool) (*Report, error) {
	a, err := s.begin("upgrade", execute)
	if err != nil {
		return nil, err
	}
	a.subscription, a.user = transform.Guard(c.SubscriptionID), transform.Guard(c.UserID)
	a.from, a.to = transform.Guard(c.FromTerm), transform.Guard(c.ToTerm)
	a.progress(ProgressRead)
	at := a.Now()
	before, err := a.API.Get(ctx, c.SubscriptionID)
	if errors.Is(err, piano.ErrNotFound) {
		return a.end(ctx, Refused, "there is no such subscription", nil)
	}
	if err != nil {
		return a.end(ctx, "", "", err)
	}
	if c.UserID != "" && before.UserID != "" && before.UserID != a.user {
		return a.end(ctx, Refused, "the subscription is another user's", nil)
	}
	given := a.user
	a.about(before)
	if before.UserID == "" {
		a.user = given // Piano decides whether the subscription is this user's
	}
	outcome, why := a.rejectReason(before)
	if outcome != "" {
		return a.end(ctx, outcome, why, nil)
	}
	if c.UserID == "" && strings.Contains(before.UserID, "sha256:") {
		if err := a.Customers.LearnUser(ctx, c.SubscriptionID); err != nil {
			return a.end(ctx, "", "", err)
		}
		if c.UserID, err = a.Customers.Original(before.UserID); err != nil {
			return a.end(ctx, "", "", err)
		}
	}
	switch {
	case c.UserID == "" && before.UserID == "":
		return a.end(ctx, Refused, "Piano returns no user for it, but the request needs one: give --user", nil)
	}
	if c.UserID == "" {
		c.UserID = before.UserID
	}
	return a.upgrade(ctx, c, &a.checked(c.SubscriptionID, at, before, a.rejectReason).precheck, execute)
}

// rejectReason returns why a subscription does not allow the change of its term.
func (a *action) rejectReason(s piano.Subscription) (Outcome, string) {
	switch {
	case !live(s):
		return Refused, fmt.Sprintf("it has ended (%s)", s.Status)
	case s.Term.ID == a.to:
		return Done, "the subscription has that term already"
	case s.Term.ID != a.from:
		return Refused, fmt.Sprintf("its term is %s, and not %s", orNone(s.Term.ID), a.from)
	default:
		return "", ""
	}
}

func (a *action) upgrade(ctx context.Context, c Change, on *precheck, execute bool) (*Report, error) {
	earlier, err := a.status(ctx, c.TermChange)
	switch {
	case err != nil:
		return a.end(ctx, "", "", err)
	case earlier.known && !earlier.status.Final():
		return a.end(ctx, Refused, "a change of its term is under way: "+earlier.status.String(), nil)
	}
	can, err := a.API.CanChange(ctx, c.SubscriptionID)
	switch {
	case err != nil && !refusal(err):
		return a.end(ctx, "", "", err)
	case err != nil:
		return a.end(ctx, Refused, err.Error(), nil)
	case !can:
		return a.end(ctx, Refused, "Piano says that its term cannot be changed now", nil)
	}
	a.report.Request = changeRequest(c)
	if !execute {
		return a.end(ctx, Planned, "Piano says that its term can be changed", nil)
	}
	outcome, sent, err := a.send(ctx, changeEndpoint, on, func(ctx context.Context) error { return a.API.Change(ctx, c.TermChange) })
	switch {
	case !sent:
		return a.end(ctx, outcome, a.report.Why, err)
	case outcome == Unknown:
		bounded, cancel := lookContext(ctx)
		defer cancel()
		now, failed := a.readProgress(bounded, c, earlier)
		lost := a.step(ctx, stepLooked, statusEndpoint, now.outcome(), codeOf(failed), now.text(failed))
		if failed != nil || lost != nil || now.noSign() {
			return a.end(ctx, Unknown, "no answer came and nothing shows that the change has started: it may still start, so check the subscription before you run again",
				errors.Join(err, failed, lost))
		}
		if ctx.Err() != nil {
			return a.end(ctx, now.outcome(), now.why(), ctx.Err())
		}
		return a.follow(ctx, c, earlier, &now)
	case outcome != Done:
		return a.end(ctx, outcome, a.report.Why, err)
	case err != nil:
		return a.end(ctx, Pending, "Piano has accepted the change; it was not followed, since actions_log could not be written", err)
	}
	return a.follow(ctx, c, earlier, nil)
}

// changeRequest is the request in the form that may be shown.
func changeRequest(c Change) *Request {
	parameters := map[string]string{
		"uid": transform.Guard(c.UserID), "subscription_from": transform.Guard(c.SubscriptionID), "term_to": transform.Guard(c.ToTerm),
		"billing_timing": strconv.Itoa(int(c.Billing)), "immediate_access": strconv.FormatBool(c.ImmediateAccess),
		"prorate_access": strconv.FormatBool(c.ProrateAccess),
	}
	if c.ToPeriod != "" {
		parameters["term_to_period_id"] = transform.Guard(c.ToPeriod)
	}
	return &Request{Endpoint: changeEndpoint, Parameters: parameters}
}
