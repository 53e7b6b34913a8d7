package actions

import (
	"context"
	"errors"
	"fmt"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// maxCandidates limits how many subscriptions of one user are read.
const maxCandidates = 50

// find returns the subscription to resume. why is empty, or the reason that there is no
// such subscription.
func (a *action) find(ctx context.Context, id, user string) (s piano.Subscription, v resumability, why string, err error) {
	a.progress(ProgressRead)
	switch {
	case id == "" && user == "":
		return s, v, "", errors.New("name a subscription or a user")
	case id == "":
		return a.findByUser(ctx, user)
	}
	s, err = a.API.Get(ctx, id)
	switch {
	case errors.Is(err, piano.ErrNotFound):
		return s, v, "there is no such subscription", nil
	case err != nil:
		return s, v, "", err
	case user != "" && s.UserID == "":
		return s, v, "Piano returns no user for it, so --user cannot be checked: leave it out if the subscription is correct", nil
	case user != "" && s.UserID != transform.Guard(user):
		return s, v, "the subscription is another user's", nil
	}
	return s, resumabilityOf(s), "", nil
}

func (a *action) findByUser(ctx context.Context, user string) (s piano.Subscription, v resumability, why string, err error) {
	listed, more, err := a.API.Find(ctx, user, maxCandidates)
	switch {
	case errors.Is(err, piano.ErrUnfiltered):
		return s, v, "", fmt.Errorf("%w: name the subscription with --subscription", err)
	case err != nil:
		return s, v, "", err
	case more:
		return s, v, fmt.Sprintf("the user has more than %d subscriptions: name one with --subscription", maxCandidates), nil
	}
	var can, renew []piano.Subscription
	var results []resumability
	for _, one := range listed {
		now, err := a.API.Get(ctx, one.ID) // the list lacks the fields that resuming depends on
		its := resumabilityOf(now)
		switch {
		case errors.Is(err, piano.ErrNotFound):
			now, its = one, resumability{why: "it is gone, or its id is an e-mail address, which only --subscription can name"}
		case err != nil:
			return s, v, "", err
		case now.UserID != one.UserID:
			its = resumability{why: "Piano lists it for the user, but names another one"}
		}
		one = now
		a.report.Candidates = append(a.report.Candidates, Candidate{Subscription: ViewOf(one), Why: its.why})
		switch {
		case its.endpoint != "":
			can, results = append(can, one), append(results, its)
		case its.renews:
			renew = append(renew, one)
		}
	}
	switch {
	case len(listed) == 0:
		return s, v, "Piano lists no subscription of the user: check the UID", nil
	case len(can) == 1:
		return can[0], results[0], "", nil
	case len(can) > 1:
		return s, v, fmt.Sprintf("%d subscriptions of the user can be resumed: name one with --subscription", len(can)), nil
	case len(renew) > 0:
		return renew[0], resumabilityOf(renew[0]), "", nil
	default:
		return s, v, fmt.Sprintf("none of the user's %d subscriptions can be resumed", len(listed)), nil
	}
}
