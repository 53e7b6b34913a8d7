package actions

import (
	"context"
	"errors"
	"fmt"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// mostLooked bounds how many subscriptions of one user are read and asked about.
const mostLooked = 50

// find settles on the subscription that is to be resumed. why says in a sentence
// that there is none, and is empty otherwise.
func (a *action) find(ctx context.Context, id, user string) (s piano.Subscription, v verdict, why string, err error) {
	switch {
	case id == "" && user == "":
		return s, v, "", errors.New("neither a subscription nor a user is named")
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
		return s, v, "Piano names no user of it, so --user cannot be checked: leave it out, if you are sure of the subscription", nil
	case user != "" && s.UserID != transform.Guard(user):
		return s, v, "the subscription is another user's", nil
	}
	return s, judge(s), "", nil
}

func (a *action) findByUser(ctx context.Context, user string) (s piano.Subscription, v verdict, why string, err error) {
	listed, more, err := a.API.Find(ctx, user, mostLooked)
	switch {
	case errors.Is(err, piano.ErrUnfiltered):
		return s, v, "", fmt.Errorf("%w: name the subscription with --subscription", err)
	case err != nil:
		return s, v, "", err
	case more:
		return s, v, fmt.Sprintf("the user has more than %d subscriptions: name one with --subscription", mostLooked), nil
	}
	var can, renew []piano.Subscription
	var verdicts []verdict
	for _, one := range listed {
		now, err := a.API.Get(ctx, one.ID) // the list does not tell what resuming depends on
		its := judge(now)
		switch {
		case errors.Is(err, piano.ErrNotFound):
			now, its = one, verdict{why: "it is gone, or its id holds an address, which only --subscription can name"}
		case err != nil:
			return s, v, "", err
		case now.UserID != one.UserID:
			its = verdict{why: "Piano lists it for the user, and then names another"}
		}
		one = now
		a.report.Candidates = append(a.report.Candidates, Candidate{Subscription: viewOf(one), Why: its.why})
		switch {
		case its.endpoint != "":
			can, verdicts = append(can, one), append(verdicts, its)
		case its.already:
			renew = append(renew, one)
		}
	}
	switch {
	case len(listed) == 0:
		return s, v, "Piano lists no subscription of the user: look at the UID", nil
	case len(can) == 1:
		return can[0], verdicts[0], "", nil
	case len(can) > 1:
		return s, v, fmt.Sprintf("%d subscriptions of the user can be resumed: name one with --subscription", len(can)), nil
	case len(renew) > 0:
		return renew[0], judge(renew[0]), "", nil
	default:
		return s, v, fmt.Sprintf("none of the user's %d subscriptions can be resumed", len(listed)), nil
	}
}
