package piano

import (
	"errors"
	"fmt"
	"strings"
)

// What an operator or a caller acts on.
var (
	// ErrAccess says that the token was not accepted, or may not do this.
	ErrAccess = errors.New("access denied")
	// ErrNotFound says that there is no such subscription, or no such way to
	// change its term.
	ErrNotFound = errors.New("not found")
	// ErrBusy says that the API refuses for now: too many requests, or a failure
	// of its own.
	ErrBusy = errors.New("the API is busy or failing")
	// ErrShape says that an answer is not what the API is known to give.
	ErrShape = errors.New("an answer of another shape")
	// ErrOutcomeUnknown says that a request that changes something got no answer
	// that tells whether it did. Look before it is sent again.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
	// ErrRefused says that Piano answered "false" to something that was to be done.
	ErrRefused = errors.New("refused without a reason")
	// ErrNoStatus says that an answer about a change of term has no status: what
	// Piano answers where there is no change is not known for certain.
	ErrNoStatus = errors.New("no status in the answer")
	// ErrUnfiltered says that the API lists somebody else's subscription where one
	// user's were asked for: it does not know the parameter, or knows it otherwise.
	ErrUnfiltered = errors.New("the API lists other users' subscriptions too, or names no user of them")
	// ErrExport says that Piano did not make the file.
	ErrExport = errors.New("the export failed")
)

// Error is what became of one request. It wraps one of the sentinels where one
// fits, and the network's error.
type Error struct {
	Endpoint string   // path of the API, such as /publisher/subscription/list
	Status   int      // of HTTP; 0 where there was no answer
	Code     int      // Piano's; 0 where it gave none
	Message  string   // Piano's, but for words that may be somebody's name
	Invalid  []string // Piano's validation errors, likewise: "field: what is wrong"
	Hint     string   // what to do; may be empty

	cause error
}

// Error says what was asked, what the API answered, and what to do.
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

// Unwrap gives the sentinel or the network's error.
func (e *Error) Unwrap() error { return e.cause }

// byCode is the meaning of Piano's codes that are known.
func byCode(code int) (hint string, cause error) {
	switch code {
	case 2:
		return "check piano.api_token and piano.aid, and the token's rights", ErrAccess
	case 1012:
		return "the terms have no such change option in Piano", ErrNotFound
	case 8001:
		return "the next bill date must be in the future", nil
	case 8002, 8004:
		return "Piano could not cancel or refund", nil
	case 8005:
		return "there is no such subscription in this application", ErrNotFound
	default:
		return "", nil
	}
}
