package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Resume resumes a subscription: the one with this id, or the only one of the user that
// can be resumed. Where both are given they must belong together. Without execute it
// sends nothing, and the report contains the request it would send.
//
// The report is nil only where no action id could be created. An error means that the
// action failed, that its outcome is unknown, or that its last rows are missing in
// actions_log. A refusal is not an error.
func (s *Actions) Resume(ctx context.Context, id, user string, execute bool) (*Report, error) {
	a, err := s.begin("resume", execute)
	if err != nil {
		return nil, err
	}
	id, user = strings.TrimSpace(id), strings.TrimSpace(user)
	a.subscription, a.user = transform.Guard(id), transform.Guard(user)
	at := a.Now()
	before, v, why, err := a.find(ctx, id, user)
	switch {
	case err != nil:
		return a.end(ctx, "", "", err)
	case why != "":
		return a.end(ctx, Refused, why, nil)
	}
	a.about(before)
	if outcome, why := v.rejectReason(""); outcome != "" {
		return a.end(ctx, outcome, why, nil)
	}
	if id == "" {
		id = before.ID
	}
	a.report.Request = &Request{Endpoint: v.endpoint, Parameters: map[string]string{"subscription_id": before.ID}}
	ask := func(ctx context.Context) error { return a.API.Resume(ctx, id) }
	if v.endpoint == updateEndpoint {
		a.report.Request.Parameters["auto_renew"] = "true"
		ask = func(ctx context.Context) error {
			on := true
			return a.API.Update(ctx, id, piano.Update{AutoRenew: &on})
		}
	}
	if !execute {
		return a.end(ctx, Planned, v.why, nil)
	}
	on := a.checked(id, at, before, func(now piano.Subscription) (Outcome, string) {
		return resumabilityOf(now).rejectReason(v.endpoint)
	})
	outcome, sent, err := a.send(ctx, v.endpoint, &on.precheck, ask)
	switch {
	case sent && outcome == Done:
		return a.end(ctx, Done, "Piano says that it is done", err)
	case outcome == Unknown:
		return a.lookAfterUnanswered(ctx, id, on.found, err)
	default:
		return a.end(ctx, outcome, a.report.Why, err)
	}
}

// lookAfterUnanswered reads the subscription after a request without an answer.
func (a *action) lookAfterUnanswered(ctx context.Context, id string, before piano.Subscription, sent error) (*Report, error) {
	bounded, cancel := lookContext(ctx)
	defer cancel()
	after, err := a.API.Get(bounded, id)
	outcome, why := Unknown, "no answer came and the subscription is unchanged: it may still be resumed, so check it before you run again"
	switch {
	case err != nil:
		why = "no answer came and the subscription could not be read: run again later, it checks first"
	case resumed(before, after):
		outcome, why = Done, "no answer came, but the subscription has been resumed since"
	}
	lost := a.step(ctx, stepLooked, getEndpoint, outcome, codeOf(err), lookedText(after, err))
	if outcome == Done {
		sent = nil
	}
	return a.end(ctx, outcome, why, errors.Join(sent, err, lost))
}

const getEndpoint = "/publisher/subscription/get"

func lookedText(s piano.Subscription, err error) string {
	if err != nil {
		return err.Error()
	}
	return "status " + s.Status + ", auto-renew " + flagText(s.AutoRenew) + ", can be resumed " + flagText(s.CanBeResumed) + ", term " + orNone(s.Term.ID)
}

func flagText(b *bool) string {
	if b == nil {
		return "unknown"
	}
	return fmt.Sprint(*b)
}
