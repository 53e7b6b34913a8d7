package sink

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/ext"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/google/uuid"

	"github.com/pianola/pianola/schemas"
)

// level is the row in force of one event at one version: of the rows with that version
// the one that was inserted last, as FINAL and merges choose.
type level struct {
	version  uint64
	at       schemas.Coordinates
	deleted  bool
	syncedAt schemas.Millis
	inserted insertionOrder
	content  uuid.UUID // the hash; only of rows of the range
}

// insertionOrder orders the rows of one event: by the first block of their part, then by
// their place in it. synced_at does not, since clocks differ.
type insertionOrder struct {
	block int64
	row   uint64
}

// insertedSQL are the columns of an insertionOrder. The name of a part has its partition and
// its first block.
const insertedSQL = "toInt64(splitByChar('_', _part)[2]), _part_offset"

func (o insertionOrder) compare(other insertionOrder) int {
	return cmp.Or(cmp.Compare(o.block, other.block), cmp.Compare(o.row, other.row))
}

// eventKey is the key of the events table.
type eventKey struct {
	id           schemas.EventID
	subscription string
	at           schemas.Millis
}

// month is the partition of the events table.
func (k eventKey) month() int {
	t := instant(k.at)
	return t.Year()*100 + int(t.Month())
}

// storedEvent is what the table has of one event.
type storedEvent struct {
	eventKey
	action string
	levels []level // ascending by version
}

// offsetRange is the offsets [start, next) of a partition.
type offsetRange struct {
	of          schemas.Coordinates // the offset is not used
	start, next int64
}

func rangeOfPart(l *schemas.LedgerRow) offsetRange {
	return offsetRange{schemas.Coordinates{Source: l.Source, Name: l.Name, Epoch: l.Epoch, Partition: l.Partition}, l.StartOffset, l.NextOffset}
}

func (r offsetRange) has(at schemas.Coordinates) bool {
	offset := at.Offset
	at.Offset = 0
	return at == r.of && offset >= r.start && offset < r.next
}

// eventsOfRange adds the keys of all rows with coordinates of the range. A delete marker
// hides a row whose message no longer gives it, and needs nothing more.
func (w *Writer) eventsOfRange(ctx context.Context, r offsetRange, keys map[schemas.EventID]eventKey) error {
	found := make(map[schemas.EventID]eventKey)
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(found)
		table, err := keysTable(keys)
		if err != nil {
			return err
		}
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)),
			selectKeys+` WHERE source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ?
			AND source_offset >= ? AND source_offset < ? AND is_deleted = 0 AND event_id NOT IN (SELECT event_id FROM `+keysName+`)`,
			string(r.of.Source), r.of.Name, r.of.Epoch, r.of.Partition, r.start, r.next)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		return readKeys(rows, found)
	})
	maps.Copy(keys, found)
	return err
}

// storedEvents reads the rows in force of these events, at all versions. mine is the range
// whose rows need the hash of their content.
func (w *Writer) storedEvents(ctx context.Context, keys map[schemas.EventID]eventKey, mine offsetRange) (map[schemas.EventID]*storedEvent, error) {
	found := make(map[schemas.EventID]*storedEvent, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	query := fmt.Sprintf(`SELECT event_id, subscription_id, toUnixTimestamp64Milli(event_timestamp), subscription_action, version, is_deleted,
			toUnixTimestamp64Milli(synced_at), source, source_name, source_epoch, source_partition, source_offset,
			`+insertedSQL+`,
			if(source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ? AND source_offset >= ? AND source_offset < ? AND is_deleted = 0, %s, toUUID('%s'))
		FROM %s WHERE %s`, hashSQL(contentColumns()), uuid.Nil, EventsTable, ofKeys(keys))
	err := w.persist(ctx, "read "+EventsTable, func(ctx context.Context, _ int) error {
		clear(found)
		table, err := keysTable(keys)
		if err != nil {
			return err
		}
		rows, err := w.conn.Query(clickhouse.Context(ctx, clickhouse.WithExternalTable(table)), query,
			string(mine.of.Source), mine.of.Name, mine.of.Epoch, mine.of.Partition, mine.start, mine.next)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		names := map[string]string{} // a few names stand in many rows
		for rows.Next() {
			var id uuid.UUID
			var k eventKey
			var action, source, name string
			var deleted uint8
			var at, synced int64
			var l level
			if err := rows.Scan(&id, &k.subscription, &at, &action, &l.version, &deleted, &synced, &source, &name,
				&l.at.Epoch, &l.at.Partition, &l.at.Offset, &l.inserted.block, &l.inserted.row, &l.content); err != nil {
				return err
			}
			k.id, k.at = schemas.EventID(id), schemas.Millis(at)
			if _, wanted := keys[k.id]; !wanted {
				continue
			}
			l.deleted, l.syncedAt = deleted == 1, schemas.Millis(synced)
			l.at.Source, l.at.Name = schemas.Source(intern(names, source)), intern(names, name)
			e := found[k.id]
			if e == nil {
				e = &storedEvent{eventKey: k, action: intern(names, action)}
				found[k.id] = e
			}
			e.add(l)
		}
		return rows.Err()
	})
	return found, err
}

func intern(known map[string]string, s string) string {
	if same, ok := known[s]; ok {
		return same
	}
	known[s] = s
	return s
}

// add keeps the row if it is in force at its version.
func (e *storedEvent) add(l level) {
	i, found := slices.BinarySearchFunc(e.levels, l.version, func(l level, version uint64) int { return cmp.Compare(l.version, version) })
	switch {
	case !found:
		e.levels = slices.Insert(e.levels, i, l)
	case e.levels[i].inserted.compare(l.inserted) < 0:
		e.levels[i] = l
	}
}

// ofKeys is the condition for rows of the events in the external table. The months select
// the table's partitions, and the subscriptions are first in its key.
func ofKeys(keys map[schemas.EventID]eventKey) string {
	months := map[int]bool{}
	for _, k := range keys {
		months[k.month()] = true
	}
	var list []string
	for _, month := range slices.Sorted(maps.Keys(months)) {
		list = append(list, strconv.Itoa(month))
	}
	return "toYYYYMM(event_timestamp) IN (" + strings.Join(list, ", ") + ")" +
		" AND subscription_id IN (SELECT subscription_id FROM " + keysName + ") AND event_id IN (SELECT event_id FROM " + keysName + ")"
}

// keysName is the name of the external table with the keys of a query.
const keysName = "wanted"

// selectKeys begins a query for keys, whose rows readKeys reads.
const selectKeys = "SELECT DISTINCT event_id, subscription_id, toUnixTimestamp64Milli(event_timestamp) FROM " + EventsTable

func readKeys(rows driver.Rows, into map[schemas.EventID]eventKey) error {
	for rows.Next() {
		var id uuid.UUID
		var k eventKey
		var at int64
		if err := rows.Scan(&id, &k.subscription, &at); err != nil {
			return err
		}
		k.id, k.at = schemas.EventID(id), schemas.Millis(at)
		into[k.id] = k
	}
	return rows.Err()
}

// keysTable sends keys beside a query, however many they are. A new one is needed for
// each attempt.
func keysTable(keys map[schemas.EventID]eventKey) (*ext.Table, error) {
	table, err := ext.NewTable(keysName, ext.Column("subscription_id", "String"), ext.Column("event_id", "UUID"))
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if err := table.Append(k.subscription, uuid.UUID(k.id)); err != nil {
			return nil, err
		}
	}
	return table, nil
}
