package sink

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"

	"github.com/pianola/pianola/schemas"
)

// ShownElsewhere returns the coordinates of those claims whose message readers see under
// another event than the claimed one. It retries as Flush does.
func (w *Writer) ShownElsewhere(ctx context.Context, claims []Claim) (map[schemas.Coordinates]bool, error) {
	shown := map[schemas.Coordinates]bool{}
	if len(claims) == 0 {
		return shown, nil
	}
	claimed := map[schemas.Coordinates]schemas.EventID{} // a message claims one event
	for _, c := range claims {
		claimed[c.At] = c.EventID
	}
	keys, err := w.eventsAt(ctx, claimed)
	if err != nil {
		return nil, err
	}
	events, err := w.storedEvents(ctx, keys, offsetRange{})
	if err != nil {
		return nil, err
	}
	for id, e := range events {
		top := e.levels[len(e.levels)-1]
		if event, wanted := claimed[top.at]; wanted && event != id && !top.deleted {
			shown[top.at] = true
		}
	}
	return shown, nil
}

// eventsAt returns the keys of all rows with these coordinates.
func (w *Writer) eventsAt(ctx context.Context, all map[schemas.Coordinates]schemas.EventID) (map[schemas.EventID]eventKey, error) {
	keys := make(map[schemas.EventID]eventKey)
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(keys)
		table, err := ext.NewTable(keysName, ext.Column("source", "String"), ext.Column("source_name", "String"), ext.Column("source_epoch", "UInt32"),
			ext.Column("source_partition", "Int32"), ext.Column("source_offset", "Int64"))
		if err != nil {
			return err
		}
		for at := range all {
			if err := table.Append(string(at.Source), at.Name, at.Epoch, at.Partition, at.Offset); err != nil {
				return err
			}
		}
		// The offset alone leaves few rows whose other columns are read.
		const coordinates = "source, source_name, source_epoch, source_partition, source_offset"
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)),
			selectKeys+` WHERE is_deleted = 0 AND source_offset IN (SELECT source_offset FROM `+keysName+`)
			AND (`+coordinates+`) IN (SELECT `+coordinates+` FROM `+keysName+`)`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		return readKeys(rows, keys)
	})
	return keys, err
}
