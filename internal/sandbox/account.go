package sandbox

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Account sums the ledger of one topic: how many messages were read, and their
// outcomes. A message that was read again counts again.
type Account struct {
	Messages, Stored, Filtered, DeadLettered, Skipped uint64

	next map[int32]int64
}

// ReadAccount sums the ledger's flushes. conn is connected to its database.
func ReadAccount(ctx context.Context, conn driver.Conn, topic string) (Account, error) {
	a := Account{next: map[int32]int64{}}
	rows, err := conn.Query(ctx, `SELECT source_partition, max(next_offset),
  sum(messages), sum(stored), sum(filtered), sum(dead_lettered), sum(skipped)
FROM ingest_ledger WHERE kind = 'flush' AND source_name = $1 GROUP BY source_partition`, topic)
	if err != nil {
		return a, fmt.Errorf("read the ledger: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var partition int32
		var next int64
		var messages, stored, filtered, deadLettered, skipped uint64
		if err := rows.Scan(&partition, &next, &messages, &stored, &filtered, &deadLettered, &skipped); err != nil {
			return a, fmt.Errorf("read the ledger: %w", err)
		}
		a.next[partition] = next
		a.Messages, a.Stored, a.Filtered = a.Messages+messages, a.Stored+stored, a.Filtered+filtered
		a.DeadLettered, a.Skipped = a.DeadLettered+deadLettered, a.Skipped+skipped
	}
	return a, rows.Err()
}

// Covers says whether the ledger has come to the topic's end.
func (a Account) Covers(s *Services, topic string, partitions int) bool {
	for p := range int32(partitions) {
		if a.next[p] < s.Kafka.EndOffset(topic, p) {
			return false
		}
	}
	return true
}
