package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// precheck is the read that a request relies on.
type precheck struct {
	at time.Time // when the read started: the result is not older
	// look reads again and decides. An empty outcome still allows the request; any other is
	// that of the action, and why says the reason.
	look func(ctx context.Context) (outcome Outcome, why string, err error)
}

// refresh looks again when the precheck is older than piano.MaxPrecheckAge, or when force
// is set. The API may have delayed the action for minutes, or other subscriptions of the
// user or actions_log took time. The outcome is empty where the request is still allowed.
func (a *action) refresh(ctx context.Context, s *precheck, force bool) (Outcome, error) {
	if !force && a.Now().Sub(s.at) <= piano.MaxPrecheckAge {
		return "", nil
	}
	at := a.Now()
	outcome, why, err := s.look(ctx)
	if err != nil {
		return Failed, fmt.Errorf("nothing was asked of Piano, since the precheck was too old and could not be repeated: %w", err)
	}
	if s.at = at; outcome != "" {
		a.report.Request, a.report.Why = nil, why
	}
	return outcome, nil
}

// subscriptionCheck is the precheck of a subscription. id is as the API needs it.
// rejectReason returns why a subscription does not allow the request, and the outcome of
// the action then.
type subscriptionCheck struct {
	precheck
	found piano.Subscription
}

func (a *action) checked(id string, at time.Time, found piano.Subscription, rejectReason func(piano.Subscription) (Outcome, string)) *subscriptionCheck {
	s := &subscriptionCheck{found: found}
	s.at = at
	s.look = func(ctx context.Context) (Outcome, string, error) {
		now, err := a.API.Get(ctx, id)
		switch {
		case errors.Is(err, piano.ErrNotFound):
			return Refused, "there is no such subscription", nil
		case err != nil:
			return "", "", err
		case now.UserID != s.found.UserID:
			return Refused, "its user has changed since the first check", nil
		}
		s.found = now
		view := ViewOf(now)
		a.report.Subscription = &view
		outcome, why := rejectReason(now)
		return outcome, why, nil
	}
	return s
}
