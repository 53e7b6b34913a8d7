package actions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// The steps of actions_log.
const (
	stepAsked    = "asked"    // about to be sent
	stepAnswered = "answered" // the API has answered
	stepUnknown  = "unknown"  // no answer, or one without a result
	stepLooked   = "looked"   // read afterwards
	stepFinal    = "final"
)

const (
	// firstRowTimeout limits the row before a request: a user waits, and can run it again.
	firstRowTimeout = 15 * time.Second
	// resultRetryLimit limits the rows after it. It is longer, since they record what has
	// happened.
	resultRetryLimit = time.Minute
)

// errUnwritten: a row is missing.
var errUnwritten = errors.New("write actions_log")

// step writes a row of the action and adds it to the report. The first row and a row
// before a request are tried once. The others are retried for resultRetryLimit, also
// after ctx has ended.
func (a *action) step(ctx context.Context, step, request string, outcome Outcome, code int, answer string) error {
	s := Step{Step: step, Request: request, Outcome: outcome, Code: code, Answer: transform.Guard(answer), At: a.Now().UTC().Truncate(time.Millisecond)}
	var err error
	if step == stepAsked || len(a.report.Steps) == 0 {
		bounded, cancel := context.WithTimeout(ctx, firstRowTimeout)
		defer cancel()
		err = migrate.Explain(a.insert(bounded, s, 1))
	} else {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), resultRetryLimit)
		defer cancel()
		attempt := 0
		err = statement.Retry(bounded, a.Log, "insert into actions_log", resultRetryLimit, func(ctx context.Context) error {
			attempt++
			return migrate.Explain(a.insert(ctx, s, attempt))
		})
	}
	if err != nil {
		return fmt.Errorf("%w, step %s: %w", errUnwritten, step, err)
	}
	a.report.Steps = append(a.report.Steps, s)
	return nil
}

// insert writes one row, unless an attempt before has done so: its outcome may be
// unknown. A token that a server knows proves nothing (sink's attemptToken), so each
// attempt has a token of its own, and the table is asked.
func (a *action) insert(ctx context.Context, s Step, attempt int) error {
	if attempt > 1 {
		if written, err := a.written(ctx, s); err != nil || written {
			return err
		}
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "distributed_foreground_insert": 1,
		"insert_deduplication_token": "action " + rand.Text(),
	}))
	return sink.InsertBatch(ctx, a.Conn, "INSERT INTO "+a.Tables.Table("actions_log")+` (action_id, step, action, request, actor,
  subscription_id, user_id, from_term, to_term, outcome, code, answer, instance, written_at,
  execution, subject, object, reason, before, after, job)`, func(batch driver.Batch) error {
		return batch.Append(a.id, s.Step, a.report.Action, s.Request, a.Actor, a.subscription, a.user, a.from, a.to,
			string(s.Outcome), int32(s.Code), s.Answer, a.Instance, s.At,
			a.execution, a.subject, a.object, a.reason, a.before, a.after, a.job)
	})
}

// written reports whether the row of a step is in the table.
func (a *action) written(ctx context.Context, s Step) (bool, error) {
	var rows uint64
	err := a.Conn.QueryRow(clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"action": a.id.String(), "execution": a.execution.String(), "step": s.Step, "at": strconv.FormatInt(s.At.UnixMilli(), 10),
	})), "SELECT count() FROM "+a.Tables.Table("actions_log")+` WHERE action_id = {action:UUID} AND execution = {execution:UUID} AND step = {step:String} AND toUnixTimestamp64Milli(written_at) = {at:Int64}`).Scan(&rows)
	return rows > 0, err
}
