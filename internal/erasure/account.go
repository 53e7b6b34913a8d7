package erasure

import (
	"context"
	"maps"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
)

// The states of an erasure.
const (
	stateBegun    = "begun"
	stateComplete = "complete"
)

// Account is who asked for an erasure, and why.
type Account struct{ By, Reason string }

// account is a row of erasures.
type account struct {
	id, kind  string
	by        Account
	started   time.Time
	completed *time.Time
	entries   int
	counts    map[string]uint64
}

// before reads the account of an erasure that was interrupted.
func (e *Eraser) before(ctx context.Context, a *account, counts map[string]uint64) error {
	return statement.Each(ctx, e.deps.Conn, "SELECT started_at, counts FROM "+e.tables.Table("erasures")+" FINAL WHERE erasure_id = '"+a.id+"'", func(row driver.Rows) error {
		var had map[string]uint64
		err := row.Scan(&a.started, &had)
		maps.Copy(counts, had)
		return err
	})
}

func (e *Eraser) record(ctx context.Context, a account) error {
	state := stateBegun
	if a.completed != nil {
		state = stateComplete
	}
	if a.counts == nil {
		a.counts = map[string]uint64{}
	}
	columns := " (erasure_id, kind, state, requested_by, reason, started_at, completed_at, entries, counts, instance, written_at)"
	return e.insert(ctx, "write the account", e.tables.Table("erasures")+columns, func(batch driver.Batch) error {
		return batch.Append(a.id, a.kind, state, a.by.By, a.by.Reason, a.started, a.completed, uint64(a.entries), a.counts, e.deps.Instance, e.deps.Now().UTC())
	})
}
