package actions

import (
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/piano"
)

// The endpoints that resume a subscription. Piano documents resume for dynamic terms
// only; for payment terms turning auto-renew on is most likely the same.
const (
	resumeEndpoint = "/publisher/subscription/resume"
	updateEndpoint = "/publisher/subscription/update"
)

// resumability is whether and how a subscription can be resumed, by the answer of a Get.
type resumability struct {
	endpoint string // empty where it cannot be resumed
	renews   bool   // there is nothing to resume
	why      string
}

// rejectReason returns why it does not allow a request to this endpoint, or to any where
// endpoint is empty.
func (v resumability) rejectReason(endpoint string) (Outcome, string) {
	switch {
	case v.renews:
		return Done, v.why
	case v.endpoint == "":
		return Refused, v.why
	case endpoint != "" && v.endpoint != endpoint:
		return Refused, "it has to be resumed in another way than at the first check: run again"
	default:
		return "", ""
	}
}

// endedStatuses are those of a subscription that has ended.
var endedStatuses = []string{"cancelled", "expired", "expired_with_error", "completed", "deleted", "upgraded"}

func live(s piano.Subscription) bool { return !slices.Contains(endedStatuses, s.Status) }

// resumabilityOf uses can_be_resumed and auto_renew_change_enabled where Piano sends them.
// Where it does not, the request is allowed and Piano decides.
func resumabilityOf(s piano.Subscription) resumability {
	renews := live(s) && isTrue(s.AutoRenew)
	switch {
	case s.Term.Type == "dynamic" && isTrue(s.CanBeResumed):
		return resumability{endpoint: resumeEndpoint, why: "Piano says that it can be resumed"}
	case (s.Term.Type == "dynamic" || s.Term.Type == "payment") && renews:
		return resumability{renews: true, why: "it renews by itself: nothing to resume"}
	case s.Term.Type == "dynamic" && s.CanBeResumed == nil:
		return resumability{endpoint: resumeEndpoint, why: "Piano does not say whether it can be resumed"}
	case s.Term.Type == "dynamic":
		return resumability{why: "Piano says that it cannot be resumed"}
	case s.Term.Type != "payment":
		return resumability{why: fmt.Sprintf("its term is of type %s, only dynamic and payment terms can be resumed", orNone(s.Term.Type))}
	case !live(s):
		return resumability{why: fmt.Sprintf("it has ended (%s), and auto-renew does not restart a payment term", s.Status)}
	case isFalse(s.AutoRenewChangeEnabled):
		return resumability{why: "Piano says that its auto-renew cannot be changed"}
	case s.AutoRenewChangeEnabled == nil && isFalse(s.CanBeResumed):
		return resumability{why: "Piano says that it cannot be resumed"}
	default:
		return resumability{endpoint: updateEndpoint, why: "its auto-renew is off and can be turned on"}
	}
}

// resumed reports whether a subscription was resumed between two reads.
func resumed(before, after piano.Subscription) bool {
	if !live(after) {
		return false
	}
	turnedOn := isTrue(after.AutoRenew) && (!live(before) || !isTrue(before.AutoRenew))
	return turnedOn || after.Term.Type == "dynamic" && isTrue(before.CanBeResumed) && isFalse(after.CanBeResumed)
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }

func orNone(text string) string {
	if text == "" {
		return "(none)"
	}
	return text
}
