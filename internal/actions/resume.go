package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// Resume asks that a subscription goes on: one of that id, or the only one of the
// user that can be. Where both are given they must belong together. Without execute
// nothing is asked for, and the report says what would be.
//
// The report is there with every error but that of making an id. An error says that
// the action has failed, that its outcome is unknown, or that its last rows are
// missing in actions_log; a refusal is none.
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
	if outcome, why := v.against(""); outcome != "" {
		return a.end(ctx, outcome, why, nil)
	}
	if id == "" {
		id = before.ID
	}
	a.report.Request = &Request{Endpoint: v.endpoint, Parameters: map[string]string{"subscription_id": before.ID}}
	ask := func(ctx context.Context) error { return a.API.Resume(ctx, id) }
	if v.endpoint == updateEndpoint {
		a.report.Request.Parameters["auto_renew"] = "true"
		ask = func(ctx context.Context) error { return a.API.SetAutoRenew(ctx, id, true) }
	}
	if !execute {
		return a.end(ctx, Planned, v.why, nil)
	}
	on := &sight{id: id, at: at, found: before, against: func(now piano.Subscription) (Outcome, string) { return judge(now).against(v.endpoint) }}
	outcome, sent, err := a.send(ctx, v.endpoint, on, ask)
	switch {
	case sent && outcome == Done:
		return a.end(ctx, Done, "Piano says that it is done", err)
	case outcome == Unknown:
		return a.seen(ctx, id, on.found, err)
	default:
		return a.end(ctx, outcome, a.report.Why, err)
	}
}

// seen finds out what became of a request that was not answered.
func (a *action) seen(ctx context.Context, id string, before piano.Subscription, sent error) (*Report, error) {
	looking, cancel := look(ctx)
	defer cancel()
	after, err := a.API.Get(looking, id)
	outcome, why := Unknown, "no answer told what became of it, and the subscription is as it was: it may still be done, so look again before you ask again"
	switch {
	case err != nil:
		why = "no answer told what became of it, and the subscription could not be looked at: run it again later, it begins by looking"
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
		return "not told"
	}
	return fmt.Sprint(*b)
}
