package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// looking bounds a look after a request whose answer did not come: the caller's
// context may be what has ended.
const looking = 30 * time.Second

// send asks the API for a change, once, between two rows of actions_log, and on no
// old look: where a new one speaks against it nothing is sent, and the outcome is
// that look's. The outcome is Done or Refused without an error, and Unknown or Failed
// with one; the report says why nothing was sent.
func (a *action) send(ctx context.Context, endpoint string, on *sight, ask func(context.Context) error) (outcome Outcome, sent bool, err error) {
	if outcome, err := a.renew(ctx, on); outcome != "" {
		return outcome, false, err
	}
	if err := a.step(ctx, stepAsked, endpoint, "", 0, a.report.Request.text()); err != nil {
		return Failed, false, fmt.Errorf("nothing was asked of Piano: %w", err)
	}
	if outcome, err := a.renew(ctx, on); outcome != "" { // the row may have taken long
		return outcome, false, err
	}
	err = ask(ctx)
	step, answer := stepAnswered, "done"
	outcome = Done
	switch {
	case err == nil:
	case errors.Is(err, piano.ErrOutcomeUnknown):
		outcome, step, answer = Unknown, stepUnknown, err.Error()
	case refusal(err):
		outcome, answer = Refused, err.Error()
	case errors.Is(err, piano.ErrBusy):
		// It could be sent again for long; but by then the look before it is old.
		outcome, answer = Failed, err.Error()
		a.report.Why = "Piano is too busy and has done nothing: run it again later, it begins by looking"
	default:
		outcome, answer = Failed, err.Error()
	}
	if lost := a.step(ctx, step, endpoint, outcome, codeOf(err), answer); lost != nil {
		// It has been asked for all the same, and that is the outcome.
		return outcome, true, errors.Join(err, lost)
	}
	if outcome == Refused {
		a.report.Why = transform.Guard(answer)
		return Refused, true, nil
	}
	return outcome, true, err
}

// refusal says whether Piano has understood the request and does not do it, as
// opposed to a token it does not take, or a network that has failed.
func refusal(err error) bool {
	return !errors.Is(err, piano.ErrAccess) && (codeOf(err) != 0 || errors.Is(err, piano.ErrRefused))
}

// look is a context for looking after an answer that did not come.
func look(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), looking)
}
