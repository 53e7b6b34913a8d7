package actions

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
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
	a.steps++
	var err error
	if step == stepAsked || len(a.report.Steps) == 0 {
		bounded, cancel := context.WithTimeout(ctx, firstRowTimeout)
		defer cancel()
		err = migrate.Explain(a.insert(bounded, s))
	} else {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), resultRetryLimit)
		defer cancel()
		err = statement.Retry(bounded, a.Log, "insert into actions_log", resultRetryLimit, func(ctx context.Context) error {
			return migrate.Explain(a.insert(ctx, s))
		})
	}
	if err != nil {
		return fmt.Errorf("%w, step %s: %w", errUnwritten, step, err)
	}
	a.report.Steps = append(a.report.Steps, s)
	return nil
}

// insert writes one row. The token prevents a second row by a second attempt.
func (a *action) insert(ctx context.Context, s Step) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "distributed_foreground_insert": 1,
		"insert_deduplication_token": "action " + a.id.String() + " " + strconv.Itoa(a.steps),
	}))
	batch, err := a.Conn.PrepareBatch(ctx, "INSERT INTO "+a.Tables.Table("actions_log")+` (action_id, step, action, request, actor,
  subscription_id, user_id, from_term, to_term, outcome, code, answer, instance, written_at)`)
	if err != nil {
		return err
	}
	defer func() { _ = batch.Close() }() // Send reports the error
	if err := batch.Append(a.id, s.Step, a.report.Action, s.Request, a.Actor, a.subscription, a.user, a.from, a.to,
		string(s.Outcome), int32(s.Code), s.Answer, a.Instance, s.At); err != nil {
		return err
	}
	return batch.Send()
}
