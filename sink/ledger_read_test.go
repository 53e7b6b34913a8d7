package sink_test

import (
	"fmt"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestWriter_Positions_LongLedger: the assignment check must not read the ledger's
// whole history.
func TestWriter_Positions_LongLedger(t *testing.T) {
	tier.Full(t, "fills a long ledger")
	d := open(t, sink.Native, nil) // over HTTP the server reports no rows read
	const rows, partitions = 400_000, 8
	for part := range 4 { // of the table
		d.exec(fmt.Sprintf(`INSERT INTO $.ingest_ledger SELECT 'kafka', '%s', 0, number %% %d, 'flush', '', intDiv(number, %d) * 10, intDiv(number, %d) * 10 + 10,
				10, 10, 0, 0, 0, intDiv(number, %d) * 10 + 9, fromUnixTimestamp64Milli(toInt64(1700000000000 + number), 'UTC'), '', toString(number), '', 'a', synced,
				fromUnixTimestamp64Milli(toInt64(1700000000000 + number), 'UTC') AS synced FROM numbers(%d, %d)`,
			topic, partitions, partitions, partitions, partitions, part*rows/4, rows/4))
	}
	var read uint64
	ctx := clickhouse.Context(t.Context(), clickhouse.WithProgress(func(p *clickhouse.Progress) { read += p.Rows }))
	known, err := d.Positions(ctx, topic, []int32{0, 1, 2, 3, 4, 5, 6, 7})
	if err != nil {
		t.Fatal(err)
	}
	for partition := range int32(partitions) {
		want := sink.Position{InLedger: true, Reached: rows / partitions * 10, LastOffset: rows/partitions*10 - 1,
			LastTimestamp: 1700000000000 + rows - partitions + schemas.Millis(partition)}
		if known[partition] != want {
			t.Errorf("partition %d: %+v, want %+v", partition, known[partition], want)
		}
	}
	if read == 0 || read > 1000 {
		t.Errorf("%d of %d rows were read", read, rows)
	}
}
