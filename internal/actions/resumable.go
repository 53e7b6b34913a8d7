package actions

import (
	"fmt"
	"slices"

	"github.com/pianola/pianola/internal/piano"
)

// How a subscription is resumed. Piano documents resume for dynamic terms alone;
// for payment terms turning auto-renew on is the likely equal.
const (
	resumeEndpoint = "/publisher/subscription/resume"
	updateEndpoint = "/publisher/subscription/update"
)

// verdict is whether a subscription can be resumed, by what a Get says of it.
type verdict struct {
	endpoint string // how; empty where it cannot be
	already  bool   // it renews: there is nothing to resume
	why      string
}

// against is what it says against resuming in one way, or in any where that is empty.
func (v verdict) against(endpoint string) (Outcome, string) {
	switch {
	case v.already:
		return Done, v.why
	case v.endpoint == "":
		return Refused, v.why
	case endpoint != "" && v.endpoint != endpoint:
		return Refused, "it is to be resumed in another way than when it was looked at first: run it again"
	default:
		return "", ""
	}
}

// closed are the statuses of a subscription that has ended.
var closed = []string{"cancelled", "expired", "expired_with_error", "completed", "deleted", "upgraded"}

func live(s piano.Subscription) bool { return !slices.Contains(closed, s.Status) }

// judge goes by can_be_resumed and auto_renew_change_enabled where Piano gives
// them. Where it does not, Piano is asked and decides.
func judge(s piano.Subscription) verdict {
	renews := live(s) && isTrue(s.AutoRenew)
	switch {
	case s.Term.Type == "dynamic" && isTrue(s.CanBeResumed):
		return verdict{endpoint: resumeEndpoint, why: "Piano says that it can be resumed"}
	case (s.Term.Type == "dynamic" || s.Term.Type == "payment") && renews:
		return verdict{already: true, why: "it renews by itself: there is nothing to resume"}
	case s.Term.Type == "dynamic" && s.CanBeResumed == nil:
		return verdict{endpoint: resumeEndpoint, why: "Piano does not say whether it can be resumed"}
	case s.Term.Type == "dynamic":
		return verdict{why: "Piano says that it cannot be resumed"}
	case s.Term.Type != "payment":
		return verdict{why: fmt.Sprintf("its term is of type %s, and only dynamic and payment terms can be resumed", orNone(s.Term.Type))}
	case !live(s):
		return verdict{why: fmt.Sprintf("it has ended (%s), and turning auto-renew on brings no payment term back", s.Status)}
	case isFalse(s.AutoRenewChangeEnabled):
		return verdict{why: "Piano says that its auto-renew cannot be changed"}
	case s.AutoRenewChangeEnabled == nil && isFalse(s.CanBeResumed):
		return verdict{why: "Piano says that it cannot be resumed"}
	default:
		return verdict{endpoint: updateEndpoint, why: "its auto-renew is off and can be turned on"}
	}
}

// resumed says whether a subscription has been, by what changed since before.
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
		return "(none told)"
	}
	return text
}
