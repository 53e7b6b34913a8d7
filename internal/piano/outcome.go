package piano

import (
	"context"
	"errors"
)

// Outcome is what became of one attempt of a request, in a word.
type Outcome string

// The outcomes, a closed set.
const (
	OutcomeDone     Outcome = "done"
	OutcomeRefused  Outcome = "refused"   // Piano's own code said no
	OutcomeAccess   Outcome = "access"    // the token was not accepted
	OutcomeBusy     Outcome = "busy"      // 429 or 5xx
	OutcomeShape    Outcome = "shape"     // an answer that is not the API's: HTML, another form, cut
	OutcomeNoAnswer Outcome = "no_answer" // the network
	OutcomeCanceled Outcome = "canceled"  // we ended it
)

// Outcomes are all of them.
func Outcomes() []Outcome {
	return []Outcome{OutcomeDone, OutcomeRefused, OutcomeAccess, OutcomeBusy, OutcomeShape, OutcomeNoAnswer, OutcomeCanceled}
}

// outcomeOf sorts the error of one attempt.
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
