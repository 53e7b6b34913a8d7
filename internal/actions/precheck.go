package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/piano"
)

// freshFor is how old a look may be on which something is asked for. internal/piano
// sends a request again for as long, and for the same reason: by then things may be
// otherwise.
const freshFor = 5 * time.Second

// sight is the look at a subscription on which something is to be asked for.
type sight struct {
	id    string    // as the API is asked about it
	at    time.Time // when the looking began: what was found is no older
	found piano.Subscription
	// against is what a look says against asking, with the outcome that this is; an
	// empty outcome lets it pass.
	against func(piano.Subscription) (Outcome, string)
}

// renew looks once more where the look is old: the API may have had it wait for
// minutes since, a user's other subscriptions were looked at, or actions_log took its
// time. The outcome is empty where it can still be asked for.
func (a *action) renew(ctx context.Context, s *sight) (Outcome, error) {
	if a.Now().Sub(s.at) <= freshFor {
		return "", nil
	}
	at := a.Now()
	now, err := a.API.Get(ctx, s.id)
	outcome, why := Refused, ""
	switch {
	case errors.Is(err, piano.ErrNotFound):
		why = "there is no such subscription"
	case err != nil:
		return Failed, fmt.Errorf("nothing was asked of Piano, for the look before was old: %w", err)
	case now.UserID != s.found.UserID:
		why = "whose subscription it is has changed since it was looked at first"
	default:
		s.at, s.found = at, now
		view := viewOf(now)
		a.report.Subscription = &view
		outcome, why = s.against(now)
	}
	if outcome != "" {
		a.report.Request, a.report.Why = nil, why
	}
	return outcome, nil
}
