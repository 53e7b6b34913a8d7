package actions

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/wait"
)

// A row asked is also a claim on its subject. Several processes decide by these rows which
// of them sends; ClickHouse has no locks. Each writes its row and then reads the rows of
// the subject:
//
//   - It withdraws where an execution with a lower id has no result yet.
//   - It waits where one with a higher id has no result: that one has read before this
//     row was there and sends, or it reads this row and withdraws.
//
// So one of them sends, even where both wrote at the same moment. An execution of another
// action counts for claimLife: a process that died does not block a customer for ever. An
// execution of the same action counts without limit.
const (
	claimPoll = 100 * time.Millisecond
	// claimWait is longer than a request and the look after it normally take.
	claimWait = 45 * time.Second
	claimLife = 10 * time.Minute
)

// errBusySubject: another execution acts on the same customer.
var errBusySubject = errors.New("another action on this customer is in progress")

// execution is what actions_log says about one execution.
type execution struct {
	id, action uuid.UUID
	actor      string
	asked      bool
	answered   bool    // a request was sent, and its answer or its absence is recorded
	final      Outcome // empty without a result
	askedAt    time.Time
	endedAt    time.Time // of its last row
	why        string
	after      string
}

// sent reports whether a request was sent, or may have been.
func (e execution) sent() bool {
	return e.asked && (e.final == "" || e.answered || e.final == Done || e.final == Pending || e.final == Unknown)
}

// counts reports whether an execution forbids another one of the same action. A line of a
// bulk job that Piano refused is tried again: nothing has changed.
func (a *action) counts(e execution) bool {
	return e.sent() && e.final != Failed && (a.job == "" || e.final != Refused)
}

// contend decides whether this execution may send; outcome is empty then. alone is false
// where another one acted lately: the state must be read again.
func (a *action) contend(ctx context.Context) (outcome Outcome, alone bool, err error) {
	if a.subject == "" {
		return "", true, nil
	}
	alone = true
	deadline := a.Now().Add(a.ClaimWait)
	for {
		others, err := a.executions(ctx)
		if err != nil {
			return Failed, false, fmt.Errorf("nothing was asked of Piano, since actions_log could not be read: %w", err)
		}
		waiting := false
		for _, e := range others {
			same := e.action == a.id
			switch {
			case e.id == a.execution || !e.asked:
			case same && e.final != "" && a.counts(e):
				a.report.Request, a.report.Why = nil, "this plan was executed meanwhile: "+string(e.final)
				return Refused, false, nil
			case (e.final == Unknown || e.final == Pending) && e.endedAt.After(a.plannedAt()):
				// Its effect may show later than any look, so this plan may be the same request.
				a.report.Request, a.report.Why = nil, fmt.Sprintf("another action on this customer ended as %s at %s, after this plan was made: look whether it took effect, then make a new plan",
					e.final, e.endedAt.Format(time.RFC3339))
				return Refused, false, nil
			case e.final != "":
				alone = false
			case bytes.Compare(e.id[:], a.execution[:]) < 0 || same && a.Now().Sub(e.askedAt) > claimLife:
				a.report.Request, a.report.Why = nil, fmt.Sprintf("%s, by %s since %s: look again when it has ended", errBusySubject, orNone(e.actor), e.askedAt.Format(time.RFC3339))
				return Refused, false, nil
			default:
				waiting, alone = true, false
			}
		}
		if !waiting {
			return "", alone, nil
		}
		if a.Now().After(deadline) {
			a.report.Request, a.report.Why = nil, fmt.Sprintf("%s and has not ended: look again later", errBusySubject)
			return Refused, false, nil
		}
		a.progress(ProgressOther)
		if err := wait.For(ctx, claimPoll); err != nil {
			return Failed, false, fmt.Errorf("nothing was asked of Piano: %w", err)
		}
	}
}

// plannedAt is when the plan was made, by its id. A line of a bulk job is planned when its
// execution begins.
func (a *action) plannedAt() time.Time {
	id := a.id
	if id.Version() != 7 {
		id = a.execution
	}
	return time.Unix(id.Time().UnixTime())
}

// executions reads the executions of this action, and recent ones of the subject.
func (a *action) executions(ctx context.Context) ([]execution, error) {
	ctx, cancel := context.WithTimeout(ctx, firstRowTimeout)
	defer cancel()
	rows, err := a.Conn.Query(clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"action": a.id.String(), "subject": a.subject, "since": strconv.FormatInt(a.Now().Add(-claimLife).UnixMilli(), 10),
	})), `SELECT execution, action_id, any(actor::String), countIf(step = 'asked') > 0, countIf(step IN ('answered', 'unknown')) > 0,
  anyIf(outcome::String, step = 'final'), min(written_at), max(written_at), anyIf(answer, step = 'final'), anyIf(after, step = 'final')
FROM `+a.Tables.Table("actions_log")+`
WHERE action_id = {action:UUID} OR (subject = {subject:String} AND subject != '' AND toUnixTimestamp64Milli(written_at) >= {since:Int64})
GROUP BY execution, action_id ORDER BY min(written_at)`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []execution
	for rows.Next() {
		var e execution
		var asked, answered bool
		var final string
		if err := rows.Scan(&e.id, &e.action, &e.actor, &asked, &answered, &final, &e.askedAt, &e.endedAt, &e.why, &e.after); err != nil {
			return nil, err
		}
		e.asked, e.answered, e.final = asked, answered, Outcome(final)
		all = append(all, e)
	}
	return all, rows.Err()
}
