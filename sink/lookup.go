package sink

import (
	"context"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// absent finds the rows of this flush by their coordinates and synced_at, whose
// skip index leaves only the newest parts to read.
func (w *Writer) absent(ctx context.Context, s segment) (segment, error) {
	first, last := s.blocks[0].chunk.sourceOffset.values[s.blocks[0].from], int64(0)
	for _, b := range s.blocks {
		for _, offset := range b.chunk.sourceOffset.values[b.from:b.to] {
			first, last = min(first, offset), max(last, offset)
		}
	}
	present := make(map[schemas.Coordinates]bool, s.rows)
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(present)
		rows, err := w.conn.Query(ctx, `SELECT source, source_name, source_epoch, source_partition, source_offset
			FROM `+EventsTable+` WHERE synced_at = fromUnixTimestamp64Milli(toInt64(?), 'UTC') AND source_offset BETWEEN ? AND ? AND is_deleted = 0`,
			int64(s.blocks[0].chunk.syncedAt.value), first, last)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var at schemas.Coordinates
			var source string
			if err := rows.Scan(&source, &at.Name, &at.Epoch, &at.Partition, &at.Offset); err != nil {
				return err
			}
			at.Source = schemas.Source(source)
			present[at] = true
		}
		return rows.Err()
	})
	var missing segment
	for _, b := range s.blocks {
		for row := b.from; row < b.to; row++ {
			if !present[b.chunk.coordinates(row)] {
				missing.append(segment{blocks: []block{{b.part, b.chunk, row, row + 1}}, rows: 1})
			}
		}
	}
	return missing, err
}

// coordinates are where a row came from.
func (c *Chunk) coordinates(row int) schemas.Coordinates {
	return schemas.Coordinates{
		Source:    schemas.Source(c.source.row(row)),
		Name:      string(c.sourceName.row(row)),
		Epoch:     c.sourceEpoch.values[row],
		Partition: c.sourcePartition.values[row],
		Offset:    c.sourceOffset.values[row],
	}
}

// The limits of one query for events by their key.
const (
	maxLookupRows  = 1_000
	maxLookupBytes = 4 << 20
)

// stored finds rows by the key of the events table.
func (w *Writer) stored(ctx context.Context, all segment, refused []refusal) ([]bool, error) {
	chunks := make(map[int]*Chunk)
	for _, b := range all.blocks {
		chunks[b.part] = b.chunk
	}
	stored := make([]bool, len(refused))
	for from := 0; from < len(refused); {
		var ids, events []string
		to, size := from, 0
		for ; to < len(refused) && len(ids) < maxLookupRows && size < maxLookupBytes; to++ {
			r := refused[to]
			id := hex.EncodeToString(chunks[r.part].subscriptionID.values.RowBytes(r.row))
			ids = append(ids, "unhex('"+id+"')") // no quoting, and no placeholder of the driver in it
			events = append(events, "'"+uuid.UUID(chunks[r.part].eventID.values[r.row]).String()+"'")
			size += len(id)
		}
		newest, err := w.newest(ctx, ids, events)
		if err != nil {
			return nil, err
		}
		for i, r := range refused[from:to] {
			in, found := newest[uuid.UUID(chunks[r.part].eventID.values[r.row])]
			version := chunks[r.part].version.values[r.row]
			stored[from+i] = found && (in.version > version ||
				in.version == version && (!all.replaces || in.syncedAt >= chunks[r.part].syncedAt.value))
		}
		from = to
	}
	return stored, nil
}

// newestRow is the row of an event with the highest version.
type newestRow struct {
	version  uint64
	syncedAt schemas.Millis
}

// newest are the rows of events with the highest versions. An event that a marker hides is
// not there.
func (w *Writer) newest(ctx context.Context, ids, events []string) (map[uuid.UUID]newestRow, error) {
	found := make(map[uuid.UUID]newestRow)
	query := fmt.Sprintf("SELECT event_id, max((version, toUnixTimestamp64Milli(synced_at))).1, max((version, toUnixTimestamp64Milli(synced_at))).2 FROM %s WHERE subscription_id IN (%s) AND event_id IN (%s) GROUP BY event_id HAVING argMax(is_deleted, (version, synced_at)) = 0",
		EventsTable, strings.Join(ids, ", "), strings.Join(events, ", "))
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(found)
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithSettings(clickhouse.Settings{
			"max_query_size": 4 * maxLookupBytes,
		})), query)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var event uuid.UUID
			var row newestRow
			var synced int64
			if err := rows.Scan(&event, &row.version, &synced); err != nil {
				return err
			}
			row.syncedAt = schemas.Millis(synced)
			found[event] = row
		}
		return rows.Err()
	})
	return found, err
}
