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
	stepUnknown  = "unknown"  // no answer told
	stepLooked   = "looked"   // found out by reading
	stepFinal    = "final"
)

const (
	// asking bounds the row before a request: somebody waits, and may try again.
	asking = 15 * time.Second
	// telling bounds the rows after it, which are worth more patience: what they tell
	// has happened.
	telling = time.Minute
)

// errUnwritten says that a row is missing.
var errUnwritten = errors.New("write actions_log")

// step writes a row of the action and adds it to the report. A row before a request
// is tried once, and so is the first of all; the others for as long as telling,
// whether or not ctx has ended.
func (a *action) step(ctx context.Context, step, request string, outcome Outcome, code int, answer string) error {
	s := Step{Step: step, Request: request, Outcome: outcome, Code: code, Answer: transform.Guard(answer), At: a.Now().UTC().Truncate(time.Millisecond)}
	a.steps++
	var err error
	if step == stepAsked || len(a.report.Steps) == 0 {
		bounded, cancel := context.WithTimeout(ctx, asking)
		defer cancel()
		err = migrate.Explain(a.insert(bounded, s))
	} else {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), telling)
		defer cancel()
		err = statement.Retry(bounded, a.Log, "insert into actions_log", telling, func(ctx context.Context) error {
			return migrate.Explain(a.insert(ctx, s))
		})
	}
	if err != nil {
		return fmt.Errorf("%w, step %s: %w", errUnwritten, step, err)
	}
	a.report.Steps = append(a.report.Steps, s)
	return nil
}

// insert writes one row. The token makes a second attempt of it no second row.
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
	defer func() { _ = batch.Close() }() // Send tells
	if err := batch.Append(a.id, s.Step, a.report.Action, s.Request, a.Actor, a.subscription, a.user, a.from, a.to,
		string(s.Outcome), int32(s.Code), s.Answer, a.Instance, s.At); err != nil {
		return err
	}
	return batch.Send()
}
