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

// Outcome is what an action came to.
type Outcome string

// The outcomes.
const (
	Planned Outcome = "planned" // a dry run: it could be asked for
	Done    Outcome = "done"    // it is so, also where nothing had to be asked for
	Refused Outcome = "refused" // it cannot be done, by what the API says; nothing has changed
	Pending Outcome = "pending" // Piano has accepted it and is not finished
	Unknown Outcome = "unknown" // it was sent, and nobody knows
	Failed  Outcome = "failed"  // it was not done
)

// Report is an action as --json shows it. It holds nothing personal.
type Report struct {
	ActionID uuid.UUID `json:"action_id"`
	Action   string    `json:"action"`
	Executed bool      `json:"executed"`
	Outcome  Outcome   `json:"outcome"`
	Why      string    `json:"why"`
	// Request is what is asked of the API, or would be; nil where nothing is.
	Request *Request `json:"request"`
	// Subscription is as the API had it before; nil where none was settled on.
	Subscription *Subscription `json:"subscription"`
	// Candidates are all that a user has, where only the user was given.
	Candidates []Candidate `json:"candidates,omitempty"`
	Steps      []Step      `json:"steps,omitempty"` // what actions_log has of it
}

// Request is a request that changes something.
type Request struct {
	Endpoint   string            `json:"endpoint"`
	Parameters map[string]string `json:"parameters"`
}

// text is what is asked for, as actions_log has it: name=value, by name.
func (r *Request) text() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(r.Parameters)) {
		parts = append(parts, name+"="+r.Parameters[name])
	}
	return strings.Join(parts, " ")
}

// Subscription is what the API says of one, as far as actions need it; nil is what
// it does not tell.
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

func viewOf(s piano.Subscription) Subscription {
	return Subscription{
		ID: s.ID, UserID: s.UserID, Status: s.Status, TermID: s.Term.ID, TermType: s.Term.Type, AutoRenew: s.AutoRenew,
		CanBeResumed: s.CanBeResumed, AutoRenewChangeEnabled: s.AutoRenewChangeEnabled, NextBillAt: s.NextBillAt, EndedAt: s.EndedAt,
	}
}

// Candidate is a subscription that was looked at, and what speaks for or against it.
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

// codeOf is Piano's code in an error, 0 where there is none.
func codeOf(err error) int {
	var answered *piano.Error
	if errors.As(err, &answered) {
		return answered.Code
	}
	return 0
}
