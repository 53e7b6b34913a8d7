package sink

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/pianola/pianola/schemas"
)

// filteredMark is the newest filtered delivery of a subscription, as the table has it.
type filteredMark struct {
	version    uint64
	filteredAt schemas.Millis
}

// filteredMarks reads the marks of the subscriptions that a replacement filters, or of
// which it writes rows.
func (w *Writer) filteredMarks(ctx context.Context, r *Replacement, plan *replacePlan) (map[string]filteredMark, error) {
	wanted := map[string]bool{}
	for _, f := range r.Part.Filtered {
		wanted[f.SubscriptionID] = true
	}
	for _, row := range plan.writes {
		wanted[row.chunk.subscriptionID.values.Row(row.row)] = true
	}
	marks := make(map[string]filteredMark)
	if len(wanted) == 0 {
		return marks, nil
	}
	err := w.persist(ctx, "read "+FilteredTable, func(ctx context.Context, _ int) error {
		clear(marks)
		table, err := ext.NewTable(keysName, ext.Column("subscription_id", "String"))
		if err != nil {
			return err
		}
		for id := range wanted {
			if err := table.Append(id); err != nil {
				return err
			}
		}
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)),
			`SELECT subscription_id, version, toUnixTimestamp64Milli(filtered_at) FROM `+FilteredTable+` FINAL
			WHERE subscription_id IN (SELECT subscription_id FROM `+keysName+`)`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var id string
			var m filteredMark
			var at int64
			if err := rows.Scan(&id, &m.version, &at); err != nil {
				return err
			}
			m.filteredAt = schemas.Millis(at)
			marks[id] = m
		}
		return rows.Err()
	})
	return marks, err
}

// newestMark is the latest time of a mark with the version of a planned row. Of equal
// versions the later reading of the message counts, so the row must be later.
func newestMark(plan *replacePlan, marks map[string]filteredMark) (newest schemas.Millis) {
	for _, row := range plan.writes {
		m, known := marks[row.chunk.subscriptionID.values.Row(row.row)]
		if known && m.version == row.version {
			newest = max(newest, m.filteredAt)
		}
	}
	return newest
}

// writeMarks writes the filtered ids that the table does not have yet. A mark of the same
// version is written again where a row departs: a row that takes over keeps the version of
// the filtered delivery, and must not look like the later reading. For the same reason
// marks are written before rows.
func (w *Writer) writeMarks(ctx context.Context, token string, r *Replacement, done *replacedRows) error {
	departed := map[string]bool{}
	for _, m := range done.found.plan.changes {
		if m.change == ToFiltered {
			departed[m.event.subscription] = true
		}
	}
	var missing []schemas.FilteredSubscription
	for _, f := range r.Part.Filtered {
		m, known := done.marks[f.SubscriptionID]
		if !known || m.version < f.Version || m.version == f.Version && departed[f.SubscriptionID] {
			missing = append(missing, f)
		}
	}
	return w.writeFiltered(ctx, token, []*Part{{Filtered: missing}}, done.syncedAt)
}
