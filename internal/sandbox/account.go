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
	var a Account
	err := conn.QueryRow(ctx, `SELECT sum(messages), sum(stored), sum(filtered), sum(dead_lettered), sum(skipped),
  maxMap(map(source_partition, next_offset))
FROM ingest_ledger WHERE kind = 'flush' AND source_name = $1`, topic).
		Scan(&a.Messages, &a.Stored, &a.Filtered, &a.DeadLettered, &a.Skipped, &a.next)
	if err != nil {
		return a, fmt.Errorf("read the ledger: %w", err)
	}
	return a, nil
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
