package piano

import (
	"errors"
	"fmt"
	"strings"
)

// The errors that an operator or a caller handles.
var (
	// ErrAccess: the token was not accepted, or lacks a right.
	ErrAccess = errors.New("access denied")
	// ErrNotFound: the subscription, the change option or another object does not exist.
	ErrNotFound = errors.New("not found")
	// ErrBusy: too many requests, or a failure of the API.
	ErrBusy = errors.New("the API is busy or failing")
	// ErrShape: the answer does not have the expected form.
	ErrShape = errors.New("an answer of another shape")
	// ErrOutcomeUnknown: no answer shows whether a request has changed something. Read the
	// subscription before it is sent again.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	// ErrRefused: Piano answered a request with "false".
	ErrRefused = errors.New("refused without a reason")
	// ErrNoStatus: the answer about a change of term has no status. Piano's answer without
	// a change is not known for certain.
	ErrNoStatus = errors.New("no status in the answer")
	// ErrUnfiltered: a list for one user contains another user's subscription, so the API
	// ignores the parameter.
	ErrUnfiltered = errors.New("the API lists other users' subscriptions too, or returns no user for them")
	// ErrNoUser: the application has no such user.
	ErrNoUser = errors.New("there is no such user in this application")
	// ErrOfSubscription: an access cannot be changed, since it belongs to a subscription.
	ErrOfSubscription = errors.New("the access belongs to a subscription")
	// ErrExport: Piano did not create the file.
	ErrExport = errors.New("the export failed")
)

// Error is the error of one request. It wraps one of the sentinels where one matches, and
// the network's error.
type Error struct {
	Endpoint string   // path of the API, such as /publisher/subscription/list
	Status   int      // of HTTP; 0 where there was no answer
	Code     int      // Piano's; 0 without one
	Message  string   // Piano's, where it is a known sentence
	Invalid  []string // Piano's validation errors, likewise: "parameter: what is wrong"
	Hint     string   // what to do; may be empty

	cause error
}

// Error contains the endpoint, the answer and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "piano %s", e.Endpoint)
	if e.Status != 0 && e.Status != 200 {
		fmt.Fprintf(&b, ": status %d", e.Status)
	}
	if e.Code != 0 {
		fmt.Fprintf(&b, ": code %d", e.Code)
	}
	if e.Message != "" {
		fmt.Fprintf(&b, " (%s)", e.Message)
	}
	if len(e.Invalid) > 0 {
		fmt.Fprintf(&b, " [%s]", strings.Join(e.Invalid, "; "))
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// Unwrap returns the sentinel or the network's error.
func (e *Error) Unwrap() error { return e.cause }
