package actions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// Parts are what Actions are made of. The caller closes what he has opened.
type Parts struct {
	API *piano.Client
	// Conn is to the database that has actions_log; nil where nothing is executed.
	Conn   driver.Conn
	Tables schemas.Options
	// Actor is who asks, and Instance which process this is: actions_log has both.
	Actor, Instance string
	Poll            time.Duration // between two looks at a change of term
	Now             func() time.Time
	Log             *zap.Logger
}

// Actions act for one actor. They are safe for concurrent use.
type Actions struct{ Parts }

// New takes the parts. It does no I/O.
func New(p Parts) *Actions {
	p.Log = p.Log.Named("actions")
	p.Actor = transform.Guard(strings.TrimSpace(p.Actor))
	return &Actions{Parts: p}
}

// action is one of them under way.
type action struct {
	*Actions
	id     uuid.UUID
	report *Report
	steps  int // that actions_log has
	// As actions_log and the report have them: after the guard.
	subscription, user, from, to string
}

// begin gives an action that has not asked anything yet.
func (s *Actions) begin(name string, execute bool) (*action, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &action{Actions: s, id: id, report: &Report{ActionID: id, Action: name, Executed: execute}}, nil
}

// about says whose subscription it is that the action is about.
func (a *action) about(s piano.Subscription) {
	view := viewOf(s)
	a.report.Subscription = &view
	a.subscription, a.user = s.ID, s.UserID
}

// end closes the action: with an error it has failed, unless an outcome says more.
// The last row is written even where ctx has ended; that it is missing is told
// beside whatever else went wrong.
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
	case lost != nil && !errors.Is(err, errUnwritten): // else that has been said
		err = fmt.Errorf("%w; %w", err, lost)
	}
	a.Log.Info("action ended", zap.Stringer("action_id", a.id), zap.String("action", a.report.Action),
		zap.String("subscription_id", a.subscription), zap.String("outcome", string(outcome)))
	return a.report, err
}
