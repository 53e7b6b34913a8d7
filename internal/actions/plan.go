package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/pianola/pianola/transform"
)

// Plan is an action, what was read before it, and what it would send. Executing the same
// plan twice changes once. A page that keeps ID, Action and Seen can execute it, also in
// another process.
type Plan struct {
	ID     uuid.UUID `json:"plan_id"`
	Action Action    `json:"-"` // its text is personal
	Kind   Kind      `json:"action"`
	Label  string    `json:"label"`
	// Outcome is Planned, Refused, or Done where there is nothing to do.
	Outcome Outcome  `json:"outcome"`
	Why     string   `json:"why"`
	Request *Request `json:"request"` // nil where nothing would be sent
	// Before are the values that were read, and After those that the request changes.
	Before   map[string]string `json:"before"`
	After    map[string]string `json:"after"`
	Warnings []string          `json:"warnings,omitempty"`

	UserID         string `json:"user_id"`
	SubscriptionID string `json:"subscription_id"`
	// Seen is a digest of the values that the plan relies on. Where they have changed, the
	// plan is not executed.
	Seen   string    `json:"seen"`
	MadeAt time.Time `json:"made_at"`
	// Job is the bulk job of which the plan is a line; empty otherwise.
	Job string `json:"job,omitempty"`
	// immediate: there was no plan before, so the first look is what the plan saw.
	immediate bool
}

// Possible reports whether the plan would send a request.
func (p *Plan) Possible() bool { return p.Outcome == Planned }

// Plan reads what an action is about and plans it. It sends nothing. A refusal is a plan,
// not an error; an error that wraps ErrAction is a mistake in the action.
func (s *Actions) Plan(ctx context.Context, a Action) (*Plan, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	p, err := s.prepare(ctx, id, a)
	if err != nil {
		return nil, err
	}
	return p.plan, nil
}

// prepared is a plan with its operation, as of one look.
type prepared struct {
	plan  *Plan
	op    operation
	sight *sight    // nil where the object does not exist or the role is missing
	at    time.Time // when the look began
}

// prepare makes a plan of an action with a known id.
func (s *Actions) prepare(ctx context.Context, id uuid.UUID, a Action) (*prepared, error) {
	if err := a.check(s.Now()); err != nil {
		return nil, err
	}
	p := &prepared{at: s.Now(), plan: &Plan{ID: id, Action: a, Kind: a.Kind, Label: a.Kind.Label(), MadeAt: s.Now().UTC(),
		UserID: transform.Guard(strings.TrimSpace(a.UserID)), SubscriptionID: transform.Guard(strings.TrimSpace(a.SubscriptionID))}}
	refuse := func(why string) (*prepared, error) {
		p.plan.Outcome, p.plan.Why = Refused, why
		return p, nil
	}
	if !s.Roles.Has(a.Kind.Needs()) {
		return refuse("it needs the role " + string(a.Kind.Needs()))
	}
	s.progress(ProgressRead)
	p.op = s.operation(a)
	now, err := p.op.look(ctx)
	var none absent
	switch {
	case errors.As(err, &none):
		return refuse(none.what)
	case err != nil:
		return nil, fmt.Errorf("read what the action is about: %w", err)
	}
	p.sight = now
	if err := s.resolve(ctx, p); err != nil {
		if errors.As(err, &none) {
			return refuse(none.what)
		}
		return nil, err
	}
	return p, nil
}

// resolve completes a plan from its look.
func (s *Actions) resolve(ctx context.Context, p *prepared) error {
	plan, now := p.plan, p.sight
	plan.UserID, plan.SubscriptionID = now.user, now.subscription
	plan.Before, plan.Seen = now.values, now.digest(plan.Kind)
	outcome, why, err := s.decide(ctx, p.op, now, plan.Kind)
	if err != nil {
		return err
	}
	if outcome == "" && p.op.resolve != nil {
		a := plan.Action
		if err := p.op.resolve(&a, now); err != nil {
			return err
		}
		if err := a.check(s.Now()); err != nil { // of a date that was moved
			return absent{err.Error()}
		}
		plan.Action, p.op = a, s.operation(a)
	}
	if plan.Kind == ResumeSubscription && outcome == "" {
		p.op = s.resumption(p.op, strings.TrimSpace(plan.Action.SubscriptionID), now)
	}
	if outcome == "" {
		outcome, why, err = s.decide(ctx, p.op, now, plan.Kind)
	}
	if err != nil || outcome != "" {
		plan.Outcome, plan.Why = outcome, why
		return err
	}
	plan.Outcome, plan.Why = Planned, "Piano allows it"
	request := p.op.request
	plan.Request = &request
	plan.After = map[string]string{}
	for name, value := range p.op.expect {
		plan.After[transform.Guard(name)] = transform.Guard(value)
	}
	if p.op.warn != nil {
		features, err := s.Customers.Features(ctx)
		if err != nil {
			return err
		}
		if warning := p.op.warn(now, features); warning != "" {
			plan.Warnings = append(plan.Warnings, warning)
		}
	}
	return nil
}

// decide decides about an action by one look; an empty outcome allows it.
func (s *Actions) decide(ctx context.Context, op operation, now *sight, k Kind) (Outcome, string, error) {
	f, err := s.Customers.Features(ctx)
	if err != nil {
		return "", "", err
	}
	d := Decide(k, f, now.target, s.Roles)
	why, needless := d.Why, d.Needless
	if d.Allowed && op.refuse != nil {
		why, needless = op.refuse(now)
	}
	switch {
	case why == "":
		return "", "", nil
	case needless:
		return Done, why, nil
	default:
		return Refused, why, nil
	}
}

// changedText says what differs between a plan and a look.
func changedText(before, now map[string]string) string {
	const text = "what the plan relies on has changed since: make a new plan"
	if len(before) == 0 {
		return text
	}
	var parts []string
	for _, name := range changed(before, now) {
		parts = append(parts, fmt.Sprintf("%s was %s and is %s", name, orNone(before[name]), orNone(now[name])))
	}
	return text + " (" + strings.Join(parts, "; ") + ")"
}
