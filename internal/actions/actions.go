package actions

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/piano/customer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Deps are the dependencies of Actions. The caller closes them.
type Deps struct {
	API *piano.Client
	// Conn connects to the database with actions_log; nil where nothing is executed.
	Conn      driver.Conn
	Tables    schemas.Options
	Customers *customer.Client // reads what is personal
	// Actor is the user and Instance the process that acts; actions_log records both. Roles
	// are what the user may do by plans.
	Actor, Instance string
	Roles           Roles
	Poll            time.Duration // between two reads of a change
	// Settle is how long the effect of a plan may take to show in Piano; 0 reads once.
	Settle time.Duration
	// ClaimWait is how long to wait for another execution; 0 is 45 s.
	ClaimWait time.Duration
	Now       func() time.Time
	Log       *zap.Logger
	Progress  progress.Func // may be nil
}

// Actions act for one actor. They are safe for concurrent use.
type Actions struct {
	Deps
	queue *queue // shared by all actors of the process
}

// New creates Actions. It does no I/O.
func New(p Deps) *Actions {
	p.Log = p.Log.Named("actions")
	p.ClaimWait = cmp.Or(p.ClaimWait, claimWait)
	p.Actor = transform.Guard(strings.TrimSpace(p.Actor))
	return &Actions{Deps: p, queue: newQueue()}
}

// The steps that an action reports while it waits.
const (
	ProgressRead   = "read from Piano what the action is about"
	ProgressOther  = "wait for another action on this customer"
	ProgressSend   = "wait for Piano's answer"
	ProgressEffect = "wait until Piano shows the effect"
	ProgressFollow = "follow the change of term"
)

// progress reports a step.
func (s *Actions) progress(name string) { s.Progress.Report(progress.Step{Name: name}) }

// For returns Actions of another actor in the same process.
func (s *Actions) For(actor string, roles Roles) *Actions {
	other := *s
	other.Actor, other.Roles = transform.Guard(strings.TrimSpace(actor)), roles
	return &other
}

// action is one action in progress.
type action struct {
	*Actions
	id        uuid.UUID // of the action; a plan keeps it
	execution uuid.UUID // of this execution
	report    *Report
	// subject is what only one action at a time may change. object is what the request is
	// about besides the subscription.
	subject, object string
	reason, job     string
	before, after   string // JSON of what was read; after is empty until a look
	// After the guard, as in actions_log and the report.
	subscription, user, from, to string
}

// begin creates an action that has sent nothing yet.
func (s *Actions) begin(name string, execute bool) (*action, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &action{Actions: s, id: id, execution: id, report: &Report{ActionID: id, Action: name, Executed: execute}}, nil
}

// about sets the subscription that the action is about.
func (a *action) about(s piano.Subscription) {
	view := ViewOf(s)
	a.report.Subscription = &view
	a.subscription, a.user = s.ID, s.UserID
	a.subject = subjectOf(s.UserID, s.ID)
}

// subjectOf is the customer, or the subscription of an unknown one.
func subjectOf(user, subscription string) string {
	if user != "" {
		return "user:" + user
	}
	return "subscription:" + subscription
}

// end completes the action: after an error it has failed, unless outcome says more. The
// last row is written even where ctx has ended. A missing row is added to the error.
func (a *action) end(ctx context.Context, outcome Outcome, why string, err error) (*Report, error) {
	if err != nil && outcome == "" {
		outcome = Failed
	}
	a.report.Outcome, a.report.Why = outcome, why
	if err != nil && why == "" {
		a.report.Why = transform.Guard(err.Error())
	}
	if !a.report.Executed {
		return a.report, err
	}
	switch lost := a.step(ctx, stepFinal, "", outcome, codeOf(err), a.report.Why); {
	case err == nil:
		err = lost
	case lost != nil && !errors.Is(err, errUnwritten): // otherwise err says it already
		err = fmt.Errorf("%w; %w", err, lost)
	}
	a.Log.Info("action ended", zap.Stringer("action_id", a.id), zap.String("action", a.report.Action),
		zap.String("subscription_id", a.subscription), zap.String("outcome", string(outcome)))
	return a.report, err
}
