package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// precheck is the read of a subscription that a request relies on.
type precheck struct {
	id    string    // as the API needs it
	at    time.Time // when the read started: the result is not older
	found piano.Subscription
	// rejectReason returns why a subscription does not allow the request, and the outcome
	// of the action then; an empty outcome allows it.
	rejectReason func(piano.Subscription) (Outcome, string)
}

// refresh reads the subscription again when the precheck is older than
// piano.MaxPrecheckAge. The API may have delayed the action for minutes, or other
// subscriptions of the user or actions_log took time. The outcome is empty where the
// request is still allowed.
func (a *action) refresh(ctx context.Context, s *precheck) (Outcome, error) {
	if a.Now().Sub(s.at) <= piano.MaxPrecheckAge {
		return "", nil
	}
	at := a.Now()
	now, err := a.API.Get(ctx, s.id)
	outcome, why := Refused, ""
	switch {
	case errors.Is(err, piano.ErrNotFound):
		why = "there is no such subscription"
	case err != nil:
		return Failed, fmt.Errorf("nothing was asked of Piano, since the precheck was too old and could not be repeated: %w", err)
	case now.UserID != s.found.UserID:
		why = "its user has changed since the first check"
	default:
		s.at, s.found = at, now
		view := viewOf(now)
		a.report.Subscription = &view
		outcome, why = s.rejectReason(now)
	}
	if outcome != "" {
		a.report.Request, a.report.Why = nil, why
	}
	return outcome, nil
}
