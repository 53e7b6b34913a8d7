package operate

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// The actions of these pages, as actions_log names them.
const (
	actionRedrive = "redrive_dead_letters"
	actionDismiss = "dismiss_dead_letters"
	actionCancel  = "cancel_replay_job"
)

// ActionsLog writes who has changed something here, and why, to actions_log: a row before
// the change and one after it.
type ActionsLog struct {
	Conn     driver.Conn
	Tables   schemas.Options
	Instance string // names this process
	Now      func() time.Time
}

// change is one change and its reason.
type change struct {
	action, by, why string
	object          string // what is changed, such as job: and its id
}

const (
	// rowTimeout limits the row before a change: a person waits.
	rowTimeout = 15 * time.Second
	// lastRowTimeout limits the row after it, which says what has happened.
	lastRowTimeout = time.Minute
)

// record does something between two rows. Without the first row nothing is done.
func (l ActionsLog) record(ctx context.Context, c change, do func(context.Context) error) error {
	id := uuid.New()
	before, cancel := context.WithTimeout(ctx, rowTimeout)
	defer cancel()
	if err := l.insert(before, id, c, "asked", "", ""); err != nil {
		return fmt.Errorf("nothing was changed, since it could not be recorded in actions_log: %w", err)
	}
	failed := do(ctx)
	outcome, answer := "done", ""
	if failed != nil {
		outcome, answer = "failed", failed.Error()
	}
	after, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRowTimeout)
	defer cancel()
	if err := l.insert(after, id, c, "final", outcome, answer); err != nil && failed == nil {
		return fmt.Errorf("it is done, but its last row is missing in actions_log: %w", err)
	}
	return failed
}

func (l ActionsLog) insert(ctx context.Context, id uuid.UUID, c change, step, outcome, answer string) error {
	ctx = clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
		"async_insert": 0, "insert_deduplicate": 1, "distributed_foreground_insert": 1, "insert_deduplication_token": "change " + rand.Text(),
	}))
	query := "INSERT INTO " + l.Tables.Table("actions_log") + " (action_id, step, action, actor, outcome, answer, instance, written_at, execution, object, reason)"
	return migrate.Explain(sink.InsertBatch(ctx, l.Conn, query, func(batch driver.Batch) error {
		return batch.Append(id, step, c.action, transform.Guard(c.by), outcome, transform.Guard(answer), l.Instance, l.Now().UTC().Truncate(time.Millisecond), id, transform.Guard(c.object), transform.Guard(c.why))
	}))
}
