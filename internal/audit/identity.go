package audit

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// computed is the event id that ClickHouse computes from the stored columns (contract §2).
const computed = `reinterpretAsUUID(murmurHash3_128(concat(subscription_id, '\x1f',
	toString(toUnixTimestamp64Milli(event_timestamp)), '\x1f', subscription_action)))`

// origin counts the event rows of one partition.
type origin struct {
	rows, wrong uint64
	lowest      int64
}

// identities makes ClickHouse recompute the event id of every row and version, delete
// markers included, and counts the rows by origin.
func (t *tables) identities(ctx context.Context) (map[Key]origin, error) {
	found := map[Key]origin{}
	err := t.rows(ctx, "compute event ids", `SELECT source, source_name, source_epoch, source_partition,
			countIf(is_deleted = 0), countIf(event_id != `+computed+`), min(source_offset)
		FROM `+t.name("subscription_events")+` GROUP BY source, source_name, source_epoch, source_partition`, nil,
		func(rows driver.Rows) error {
			var source string
			var k Key
			var o origin
			if err := rows.Scan(&source, &k.Topic, &k.Epoch, &k.Partition, &o.rows, &o.wrong, &o.lowest); err != nil {
				return err
			}
			k.Source = schemas.Source(source)
			found[k] = o
			return nil
		})
	return found, err
}

// nameWrong adds a finding for each row of a partition with a wrong id, at most maxNamed.
func (t *tables) nameWrong(ctx context.Context, k Key, wrong uint64, to *findings) error {
	listed := uint64(0)
	err := t.rows(ctx, "name wrong event ids", `SELECT source_offset, toString(event_id), toString(`+computed+`)
		FROM `+t.name("subscription_events")+ofPartition+` AND event_id != `+computed+`
		ORDER BY source_offset LIMIT `+strconv.Itoa(maxNamed), k.parameters(nil),
		func(rows driver.Rows) error {
			var offset int64
			var have, want string
			if err := rows.Scan(&offset, &have, &want); err != nil {
				return err
			}
			listed++
			to.add(Finding{Kind: WrongEventID, Key: k, Start: offset, Next: offset + 1, Messages: 1,
				Text: fmt.Sprintf("%s/%d: the row's event id is %s, and ClickHouse computes %s", k, offset, have, want)})
			return nil
		})
	if err == nil && wrong > listed {
		to.add(Finding{Kind: WrongEventID, Key: k, Messages: wrong - listed,
			Text: fmt.Sprintf("%s: %d more rows have a wrong event id", k, wrong-listed)})
	}
	return err
}
