package piano

import (
	"context"
	"errors"
)

// Outcome is the result of one attempt of a request.
type Outcome string

// The outcomes, a closed set.
const (
	OutcomeDone     Outcome = "done"
	OutcomeRefused  Outcome = "refused"   // refused with a code of Piano
	OutcomeAccess   Outcome = "access"    // the token was not accepted
	OutcomeBusy     Outcome = "busy"      // 429 or 5xx
	OutcomeShape    Outcome = "shape"     // not an answer of the API: HTML, another form, truncated
	OutcomeNoAnswer Outcome = "no_answer" // the network
	OutcomeCanceled Outcome = "canceled"  // ended by this process
)

// Outcomes returns all outcomes.
func Outcomes() []Outcome {
	return []Outcome{OutcomeDone, OutcomeRefused, OutcomeAccess, OutcomeBusy, OutcomeShape, OutcomeNoAnswer, OutcomeCanceled}
}

// outcomeOf classifies the error of one attempt.
func outcomeOf(err error) Outcome {
	var answered *Error
	switch {
	case err == nil:
		return OutcomeDone
	case errors.Is(err, context.Canceled):
		return OutcomeCanceled
	case errors.Is(err, ErrAccess):
		return OutcomeAccess
	case errors.Is(err, ErrBusy):
		return OutcomeBusy
	case errors.As(err, &answered) && answered.Code != 0:
		return OutcomeRefused
	case errors.As(err, &answered) && answered.Status == 0:
		return OutcomeNoAnswer
	default:
		return OutcomeShape
	}
}
