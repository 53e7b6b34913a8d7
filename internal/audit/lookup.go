package audit

import (
	"context"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// versions returns the highest stored version of each event of the batch, without those
// that a marker hides. The subscription is first in the table's key and the timestamps
// select its partitions, so a batch reads a small part of the table.
func (t *tables) versions(ctx context.Context, messages []expected) (map[string]uint64, error) {
	var ids, subscriptions []string
	var first, last schemas.Millis
	seen := map[string]bool{}
	for _, m := range messages {
		if m.outcome != transform.Stored {
			continue
		}
		if len(ids) == 0 {
			first, last = m.at, m.at
		}
		first, last = min(first, m.at), max(last, m.at)
		ids = append(ids, m.id)
		if !seen[m.subscription] {
			seen[m.subscription] = true
			subscriptions = append(subscriptions, m.subscription)
		}
	}
	found := make(map[string]uint64, len(ids))
	if len(ids) == 0 {
		return found, nil
	}
	err := t.rows(ctx, "look up events", `SELECT toString(event_id), max(version) FROM `+t.name("subscription_events")+`
		WHERE subscription_id IN (`+quoted(subscriptions)+`) AND event_id IN (`+quoted(ids)+`)
		AND event_timestamp >= fromUnixTimestamp64Milli({first:Int64}, 'UTC') AND event_timestamp <= fromUnixTimestamp64Milli({last:Int64}, 'UTC')
		GROUP BY event_id HAVING argMax(is_deleted, (version, synced_at)) = 0`,
		clickhouse.Parameters{"first": strconv.FormatInt(int64(first), 10), "last": strconv.FormatInt(int64(last), 10)},
		func(rows driver.Rows) error {
			var id string
			var version uint64
			err := rows.Scan(&id, &version)
			found[id] = version
			return err
		})
	return found, err
}

// filtered returns those of the subscriptions that are recorded as filtered, with the
// version of the newest filtered delivery.
func (t *tables) filtered(ctx context.Context, subscriptions []string) (map[string]uint64, error) {
	found := map[string]uint64{}
	if len(subscriptions) == 0 {
		return found, nil
	}
	err := t.rows(ctx, "look up filtered subscriptions", `SELECT subscription_id, max(version) FROM `+t.name("filtered_subscriptions")+`
		WHERE subscription_id IN (`+quoted(subscriptions)+`) GROUP BY subscription_id`, nil, func(rows driver.Rows) error {
		var id string
		var version uint64
		err := rows.Scan(&id, &version)
		found[id] = version
		return err
	})
	return found, err
}

// purged reports whether events of internal users were ever purged.
func (t *tables) purged(ctx context.Context) (was bool, err error) {
	err = t.rows(ctx, "look for purges", `SELECT count() > 0 FROM `+t.name("erasures")+` FINAL WHERE kind = 'internal' AND state = 'complete'`, nil,
		func(rows driver.Rows) error {
			var is uint8
			err := rows.Scan(&is)
			was = is == 1
			return err
		})
	return was, err
}

// events returns those of the offsets that an event row names. A row that a delete marker
// hides names nothing: the marker has its coordinates, event and version.
func (t *tables) events(ctx context.Context, k Key, offsets []int64) (map[int64]bool, error) {
	return t.at(ctx, t.name("subscription_events"), " GROUP BY source_offset, event_id, version HAVING argMax(is_deleted, synced_at) = 0", k, offsets)
}

// openDeadLetters returns those of the offsets that have an open or a dismissed dead letter.
// FINAL takes the last version of each, which says whether it is resolved. A dismissed one
// never passed: it still accounts for its message.
func (t *tables) openDeadLetters(ctx context.Context, k Key, offsets []int64) (map[int64]bool, error) {
	return t.at(ctx, t.name("dead_letters")+" FINAL", " AND (resolved_at IS NULL OR dismissed_by IS NOT NULL)", k, offsets)
}

// at returns those of the offsets that a table has a row of.
func (t *tables) at(ctx context.Context, table, condition string, k Key, offsets []int64) (map[int64]bool, error) {
	found := map[int64]bool{}
	if len(offsets) == 0 {
		return found, nil
	}
	err := t.rows(ctx, "look up coordinates", `SELECT DISTINCT source_offset FROM `+table+ofPartition+`
		AND source_offset IN (`+numbers(offsets)+`)`+condition, k.parameters(nil), func(rows driver.Rows) error {
		var offset int64
		err := rows.Scan(&offset)
		found[offset] = true
		return err
	})
	return found, err
}
