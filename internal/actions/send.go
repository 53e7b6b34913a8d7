package actions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/transform"
)

// lookTimeout limits a read after a request without an answer: the caller's context may
// have ended.
const lookTimeout = 30 * time.Second

// send sends a request that changes something, once, between two rows of actions_log. It
// repeats an old precheck first; where that rejects the request nothing is sent, and the
// outcome is that of the precheck. Of several executions at once, one sends (contend). The outcome is Done or Refused without an error, and
// Unknown or Failed with one; the report says why nothing was sent.
func (a *action) send(ctx context.Context, endpoint string, on *precheck, ask func(context.Context) error) (outcome Outcome, sent bool, err error) {
	if outcome, err := a.refresh(ctx, on, false); outcome != "" {
		return outcome, false, err
	}
	if err := a.step(ctx, stepAsked, endpoint, "", 0, a.report.Request.text()); err != nil {
		return Failed, false, fmt.Errorf("nothing was asked of Piano: %w", err)
	}
	outcome, alone, err := a.contend(ctx)
	if outcome != "" {
		return outcome, false, err
	}
	// The row may have taken time, or another action may have changed what was read.
	if outcome, err := a.refresh(ctx, on, !alone); outcome != "" {
		return outcome, false, err
	}
	a.progress(ProgressSend)
	left := piano.MaxPrecheckAge - a.Now().Sub(on.at)
	err = ask(piano.StartBy(ctx, time.Now().Add(left)))
	step, answer := stepAnswered, "done"
	outcome = Done
	switch {
	case err == nil:
	case errors.Is(err, piano.ErrOutcomeUnknown):
		outcome, step, answer = Unknown, stepUnknown, err.Error()
	case refusal(err):
		outcome, answer = Refused, err.Error()
	case errors.Is(err, piano.ErrBusy):
		// A later repetition would rely on a precheck that is too old.
		outcome, answer = Failed, err.Error()
		a.report.Why = "Piano is too busy and has done nothing: run it again later, it checks first"
	default:
		outcome, answer = Failed, err.Error()
	}
	if lost := a.step(ctx, step, endpoint, outcome, codeOf(err), answer); lost != nil {
		// The request was sent all the same, and its outcome counts.
		return outcome, true, errors.Join(err, lost)
	}
	if outcome == Refused {
		a.report.Why = transform.Guard(answer)
		return Refused, true, nil
	}
	return outcome, true, err
}

// refusal reports whether Piano understood the request and refused it, as opposed to a
// rejected token or a network failure.
func refusal(err error) bool {
	return !errors.Is(err, piano.ErrAccess) && (codeOf(err) != 0 || errors.Is(err, piano.ErrRefused))
}

// lookContext is a context for a read after a request without an answer.
func lookContext(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
}
