package promotion

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/piano"
)

// Outcome is the result of an action.
type Outcome string

// The outcomes.
const (
	Planned Outcome = "planned" // nothing was sent
	Done    Outcome = "done"    // read back, and as it was wanted
	Differs Outcome = "differs" // done, but something is otherwise than wanted
	Refused Outcome = "refused" // not possible; nothing was changed
	Unknown Outcome = "unknown" // no answer says whether it was done
	Failed  Outcome = "failed"
)

// Report is what an action did, or would do.
type Report struct {
	ActionID    uuid.UUID     `json:"action_id"`
	Action      string        `json:"action"`
	Executed    bool          `json:"executed"`
	Outcome     Outcome       `json:"outcome"`
	Why         string        `json:"why,omitempty"`
	Requests    []Request     `json:"requests"`            // in order; codes are masked
	Promotion   *Promotion    `json:"promotion,omitempty"` // a code that works once is masked
	Differences []Difference  `json:"differences,omitempty"`
	CodesBefore map[State]int `json:"codes_before,omitempty"`
	CodesAfter  map[State]int `json:"codes_after,omitempty"`
}

// Request is a call with its parameters.
type Request struct {
	Endpoint   string            `json:"endpoint"`
	Parameters map[string]string `json:"parameters"`
}

// Step is a row of the log of actions. The row before a request is written first.
type Step struct {
	ActionID uuid.UUID
	Step     string // asked, answered, unknown, looked or final
	Action   string
	Request  string
	Object   string // what it is about, such as promotion:PR1; empty of one that does not exist yet
	Outcome  Outcome
	Code     int
	Answer   string // before a request its parameters, with codes masked
}

// Record writes a step. Without a row before a request nothing is sent.
type Record func(context.Context, Step) error

// action is one action in progress.
type action struct {
	Promotions
	record Record
	report *Report
	lost   error // rows of the log that could not be written after a request
}

func (p Promotions) begin(name string, record Record) *action {
	return &action{Promotions: p, record: record, report: &Report{ActionID: uuid.New(), Action: name, Executed: record != nil}}
}

// plan adds a request to the report.
func (a *action) plan(e piano.Endpoint, params url.Values) {
	a.report.Requests = append(a.report.Requests, Request{Endpoint: e.Path(), Parameters: shown(params)})
}

// shown are parameters with codes masked.
func shown(params url.Values) map[string]string {
	all := map[string]string{}
	for name := range params {
		value := params.Get(name)
		if slices.Contains([]string{"code", "fixed_promotion_code"}, name) {
			value = mask(value)
		}
		all[name] = value
	}
	return all
}

// send makes a call that changes something, between two rows of the log.
func (a *action) send(ctx context.Context, e piano.Endpoint, params url.Values) (piano.Answer, error) {
	asked := Step{ActionID: a.report.ActionID, Step: "asked", Action: a.report.Action, Request: e.Path(), Object: objectOf(params.Get("promotion_id")), Answer: asJSON(shown(params))}
	if err := a.record(ctx, asked); err != nil {
		return piano.Answer{}, err
	}
	answer, err := a.API.Send(ctx, e, params)
	answered := asked
	answered.Step, answered.Outcome, answered.Answer = "answered", Done, "done"
	var said *piano.Error
	if errors.As(err, &said) {
		answered.Code = said.Code
	}
	switch {
	case err == nil:
	case errors.Is(err, piano.ErrOutcomeUnknown):
		answered.Step, answered.Outcome, answered.Answer = "unknown", Unknown, err.Error()
	case refused(err):
		answered.Outcome, answered.Answer = Refused, err.Error()
	default:
		answered.Outcome, answered.Answer = Failed, err.Error()
	}
	a.report.Outcome = answered.Outcome
	// The request was sent all the same, and its outcome counts.
	a.lost = errors.Join(a.lost, a.record(ctx, answered))
	return answer, err
}

// end sets the outcome, and records it where something was sent.
func (a *action) end(ctx context.Context, outcome Outcome, why string, err error) (*Report, error) {
	a.report.Outcome, a.report.Why = outcome, why
	if a.report.Promotion != nil {
		masked := a.report.Promotion.Masked()
		a.report.Promotion = &masked
	}
	if a.report.Executed {
		err = errors.Join(err, a.lost, a.record(ctx, Step{ActionID: a.report.ActionID, Step: "final", Action: a.report.Action, Object: a.object(), Outcome: outcome, Answer: why}))
	}
	return a.report, err
}

// object is the promotion of the action; empty before it exists.
func (a *action) object() string {
	if a.report.Promotion == nil {
		return ""
	}
	return objectOf(a.report.Promotion.ID)
}

func objectOf(promotion string) string {
	if promotion == "" {
		return ""
	}
	return "promotion:" + promotion
}

// asJSON is a map as actions_log has it.
func asJSON(values map[string]string) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err) // texts only
	}
	return string(text)
}
