package actions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/transform"
)

// maxReason limits a reason, in characters.
const maxReason = 500

// ParseReason checks a reason: printable text that is not empty. E-mail addresses in it
// become hashes.
func ParseReason(text string) (string, error) {
	text = strings.TrimSpace(text)
	if text == "" || len([]rune(text)) > maxReason || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("%w: the reason is missing, or is not 1 to %d printable characters", ErrAction, maxReason)
	}
	return transform.Guard(text), nil
}

// errUnfinished: an earlier execution of a plan has no result.
var errUnfinished = errors.New("an execution of this plan has no result")

// Execute executes a plan: it looks again, sends the request once where nothing has
// changed since the plan, and looks at what is true afterwards. Each step is a row of
// actions_log. A plan that was executed before is not executed again; the report says so.
//
// The report is nil only where nothing was done and no row was written. An error means
// that the action failed, that its outcome is unknown, or that its last rows are missing
// in actions_log. A refusal is not an error.
func (s *Actions) Execute(ctx context.Context, p *Plan, reason string) (*Report, error) {
	reason, err := ParseReason(reason)
	if err != nil {
		return nil, err
	}
	if p == nil || p.ID == uuid.Nil || s.Conn == nil {
		return nil, fmt.Errorf("%w: it needs a plan and ClickHouse", ErrAction)
	}
	a, err := s.begin(string(p.Action.Kind), true)
	if err != nil {
		return nil, err
	}
	a.execution, a.id, a.report.ActionID = a.id, p.ID, p.ID
	a.reason, a.job = reason, p.Job
	leave, _, err := s.queue.enter(ctx, "plan:"+p.ID.String())
	if err != nil {
		return nil, fmt.Errorf("nothing was asked of Piano: %w", err)
	}
	defer leave()
	now, err := s.prepare(ctx, p.ID, p.Action)
	if errors.Is(err, ErrAction) {
		return nil, err
	}
	if err != nil {
		a.user, a.subscription = transform.Guard(p.Action.UserID), transform.Guard(p.Action.SubscriptionID)
		return a.end(ctx, "", "", err)
	}
	a.know(now)
	leaveSubject, waited, err := s.queue.enter(ctx, a.subject)
	if err != nil {
		return nil, fmt.Errorf("nothing was asked of Piano: %w", err)
	}
	defer leaveSubject()
	if r, err := a.executedBefore(ctx); r != nil || err != nil {
		return r, err
	}
	if waited {
		if now, err = s.prepare(ctx, p.ID, p.Action); err != nil {
			return a.end(ctx, "", "", err)
		}
		a.know(now)
	}
	return a.execute(ctx, p, now)
}

// know records what a plan is about.
func (a *action) know(p *prepared) {
	a.user, a.subscription, a.object = p.plan.UserID, p.plan.SubscriptionID, p.op.object
	a.subject = subjectOf(a.user, a.subscription)
	if a.user == "" && a.subscription == "" {
		a.subject = a.object
	}
	a.to = transform.Guard(p.plan.Action.ToTerm)
	if p.sight == nil {
		return
	}
	a.before, a.report.Before = p.sight.json(), p.sight.values
	if one := p.sight.target.Subscription; one != nil {
		view := ViewOf(*one)
		a.report.Subscription = &view
		if a.to != "" {
			a.from = one.Term.ID
		}
	}
}

// executedBefore reports an earlier execution of the same plan that counts; nil without
// one. It waits for one that is in progress in another process.
func (a *action) executedBefore(ctx context.Context) (*Report, error) {
	for deadline := a.Now().Add(a.ClaimWait); ; {
		all, err := a.executions(ctx)
		if err != nil {
			a.report.Outcome = Failed
			return a.report, fmt.Errorf("nothing was asked of Piano, since actions_log could not be read: %w", err)
		}
		i := slices.IndexFunc(all, func(e execution) bool { return e.action == a.id && a.counts(e) })
		if i < 0 {
			return nil, nil
		}
		e := all[i]
		inProgress := e.final == "" && a.Now().Sub(e.askedAt) < claimLife && a.Now().Before(deadline)
		if inProgress {
			a.progress(ProgressOther)
			if wait.For(ctx, claimPoll) == nil {
				continue
			}
		}
		return a.repeated(e)
	}
}

// repeated completes the report of a plan that was executed before.
func (a *action) repeated(e execution) (*Report, error) {
	a.report.Repeated, a.report.Outcome = true, e.final
	if e.final == "" {
		a.report.Outcome = Unknown
		a.report.Why = fmt.Sprintf("an execution of this plan by %s since %s has no result: it may have been done, so look before you make a new plan",
			orNone(e.actor), e.askedAt.Format(time.RFC3339))
		return a.report, errUnfinished
	}
	a.report.Why = fmt.Sprintf("this plan was executed at %s by %s: %s", e.askedAt.Format(time.RFC3339), orNone(e.actor), e.why)
	if json.Unmarshal([]byte(e.after), &a.report.After) != nil {
		a.report.After = nil
	}
	return a.report, nil
}

// execute sends the request of a plan where nothing has changed since, and looks again.
func (a *action) execute(ctx context.Context, p *Plan, now *prepared) (*Report, error) {
	seen, before := p.Seen, p.Before
	if p.immediate {
		seen, before = now.plan.Seen, now.plan.Before
	}
	decideNow := func() (Outcome, string) {
		switch {
		case now.plan.Outcome != Planned:
			return now.plan.Outcome, now.plan.Why
		case seen != now.plan.Seen:
			return Refused, changedText(before, now.plan.Before)
		default:
			return "", ""
		}
	}
	if outcome, why := decideNow(); outcome != "" {
		return a.end(ctx, outcome, why, nil)
	}
	a.report.Request = now.plan.Request
	check := &precheck{at: now.at, look: func(ctx context.Context) (Outcome, string, error) {
		// The action of the first look has its dates, so a later look cannot move them again.
		again, err := a.prepare(ctx, p.ID, now.plan.Action)
		if err != nil {
			return "", "", err
		}
		now = again
		outcome, why := decideNow()
		if outcome != "" {
			return outcome, why, nil
		}
		if now.plan.Request.text() != a.report.Request.text() || now.plan.Request.Endpoint != a.report.Request.Endpoint {
			return Refused, "the request would be another one now: make a new plan", nil
		}
		a.know(now)
		return "", "", nil
	}}
	outcome, sent, err := a.send(ctx, now.plan.Request.Endpoint, check, func(ctx context.Context) error { return now.op.send(ctx) })
	if !sent {
		return a.end(ctx, outcome, a.report.Why, err)
	}
	return a.lookAfter(ctx, now, outcome, err)
}

// lookAfter reads what is true after a request and ends the action.
func (a *action) lookAfter(ctx context.Context, was *prepared, outcome Outcome, sent error) (*Report, error) {
	shown, after, failed := a.effect(ctx, was, outcome == Done || outcome == Unknown)
	started := ""
	if after != nil && was.op.pending != nil {
		started = was.op.pending(was.sight, after)
	}
	shown = shown && started == ""
	if after != nil {
		a.after, a.report.After = after.json(), after.values
	}
	why := a.report.Why
	switch outcome {
	case Done:
		switch {
		case shown:
			why = "Piano says that it is done, and it shows"
		case failed != nil:
			why = "Piano says that it is done; it could not be read again"
		case started != "":
			outcome, why = Pending, started
		default:
			outcome, why = Pending, "Piano says that it is done; it does not show yet"
		}
		return a.end(ctx, outcome, why, sent)
	case Unknown:
		switch {
		case shown:
			outcome, why, sent = Done, "no answer came, but it has been done", nil
		case started != "":
			outcome, why, sent = Pending, "no answer came, but: "+started, nil
		case failed != nil:
			why = "no answer came and it could not be read: it may have been done, so look before you make a new plan"
		default:
			why = "no answer came and it does not show: it may still happen, so look before you make a new plan"
		}
		lost := a.step(ctx, stepLooked, lookPath(was.plan.Kind), outcome, codeOf(failed), lookedValues(was.sight, after, failed))
		return a.end(ctx, outcome, why, errors.Join(sent, failed, lost))
	default:
		return a.end(ctx, outcome, why, sent)
	}
}

// effect looks until the effect shows or Settle has passed. Where no effect is expected it
// looks once.
func (a *action) effect(ctx context.Context, was *prepared, expected bool) (shown bool, after *sight, err error) {
	a.progress(ProgressEffect)
	ctx, cancel := lookContext(ctx)
	defer cancel()
	for deadline := a.Now().Add(a.Settle); ; {
		after, err = was.op.look(ctx)
		shown = err == nil && was.op.done(was.sight, after)
		if err == nil && was.op.pending != nil && was.op.pending(was.sight, after) != "" {
			shown = false
			expected = expected && !was.op.later
		}
		if shown || !expected || !a.Now().Before(deadline) || wait.For(ctx, a.Poll) != nil {
			return shown, after, err
		}
	}
}

// lookPath is the call that reads what a kind is about.
func lookPath(k Kind) string { return lookPaths[k.rule().about] }

// lookedValues says what a look has found, in the form of actions_log.
func lookedValues(before, after *sight, err error) string {
	if err != nil {
		return err.Error()
	}
	names := changed(before.values, after.values)
	if len(names) == 0 {
		return "nothing has changed"
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(after.values)) {
		if slices.Contains(names, name) {
			parts = append(parts, fmt.Sprintf("%s is %s", name, orNone(after.values[name])))
		}
	}
	return strings.Join(parts, ", ")
}
