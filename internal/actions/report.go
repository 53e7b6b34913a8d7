package actions

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/piano"
)

// Outcome is the result of an action.
type Outcome string

// The outcomes.
const (
	Planned Outcome = "planned" // dry run: the request would be allowed
	Done    Outcome = "done"    // it is done, also where nothing had to be sent
	Refused Outcome = "refused" // the API does not allow it; nothing changed
	Pending Outcome = "pending" // Piano has accepted it and has not finished
	Unknown Outcome = "unknown" // it was sent, and the result is unknown
	Failed  Outcome = "failed"  // it was not done
)

// Report is an action as --json shows it, without personal data.
type Report struct {
	ActionID uuid.UUID `json:"action_id"`
	Action   string    `json:"action"`
	Executed bool      `json:"executed"`
	Outcome  Outcome   `json:"outcome"`
	Why      string    `json:"why"`
	// Request is what is or would be sent; nil for nothing.
	Request *Request `json:"request"`
	// Subscription is the state before the request; nil where none was chosen.
	Subscription *Subscription `json:"subscription"`
	// Candidates are all subscriptions of the user, where only the user was given.
	Candidates []Candidate `json:"candidates,omitempty"`
	// Before and After are the values that were read before the request and after it, of an
	// execution of a plan.
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
	// Repeated: the plan was executed before, and this execution has sent nothing.
	Repeated bool   `json:"repeated,omitempty"`
	Steps    []Step `json:"steps,omitempty"` // the rows of actions_log
}

// Request is a request that changes something.
type Request struct {
	Endpoint   string            `json:"endpoint"`
	Parameters map[string]string `json:"parameters"`
}

// text is the request in the form of actions_log: name=value, sorted by name.
func (r *Request) text() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		parts = append(parts, name+"="+r.Parameters[name])
	}
	return strings.Join(parts, " ")
}

// Subscription has the fields of a subscription that actions need; nil where the API
// sends none.
type Subscription struct {
	ID                     string     `json:"subscription_id"`
	UserID                 string     `json:"user_id"`
	Status                 string     `json:"status"`
	TermID                 string     `json:"term_id"`
	TermType               string     `json:"term_type"`
	AutoRenew              *bool      `json:"autorenew"`
	CanBeResumed           *bool      `json:"can_be_resumed"`
	AutoRenewChangeEnabled *bool      `json:"auto_renew_change_enabled"`
	NextBillAt             *time.Time `json:"next_bill_at"`
	EndedAt                *time.Time `json:"ended_at"`
}

// ViewOf returns these fields of a subscription.
func ViewOf(s piano.Subscription) Subscription {
	return Subscription{
		ID: s.ID, UserID: s.UserID, Status: s.Status, TermID: s.Term.ID, TermType: s.Term.Type, AutoRenew: s.AutoRenew,
		CanBeResumed: s.CanBeResumed, AutoRenewChangeEnabled: s.AutoRenewChangeEnabled, NextBillAt: s.NextBillAt, EndedAt: s.EndedAt,
	}
}

// Candidate is a subscription that was read, and why it can be resumed or not.
type Candidate struct {
	Subscription
	Why string `json:"why"`
}

// Step is a row of actions_log.
type Step struct {
	Step    string    `json:"step"`
	Request string    `json:"request"`
	Outcome Outcome   `json:"outcome"`
	Code    int       `json:"code"`
	Answer  string    `json:"answer"`
	At      time.Time `json:"at"`
}

// codeOf is Piano's code in an error, 0 without one.
func codeOf(err error) int {
	var answered *piano.Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return 0
}
