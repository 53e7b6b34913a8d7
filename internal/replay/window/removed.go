package window

import (
	"context"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// ledgerLimit is how long a question to the ledger is repeated.
const ledgerLimit = time.Minute

// removedInTime returns how many messages of a window of times retention may have removed.
// Kafka does not know: the ledger has the time of the last record of each flush, so the
// answer is up to one flush too high at each end.
func (r *Replayer) removedInTime(ctx context.Context, w Window, p *Partition) (uint64, error) {
	to := int64(1) << 62
	if !w.To.IsZero() {
		to = w.To.UnixMilli()
	}
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{
		"topic": p.Topic, "epoch": strconv.FormatUint(uint64(p.Epoch), 10), "partition": strconv.FormatInt(int64(p.Partition), 10),
		"start": strconv.FormatInt(p.LogStart, 10), "from": strconv.FormatInt(w.From.UnixMilli(), 10), "to": strconv.FormatInt(to, 10),
	}))
	var removed int64
	err := statement.Retry(ctx, r.deps.Log, "read ingest_ledger", ledgerLimit, func(ctx context.Context) error {
		return migrate.Explain(r.deps.Conn.QueryRow(ctx, `SELECT toInt64(if(countIf(at >= {from:Int64}) = 0, 0,
				if(countIf(at >= {to:Int64}) = 0, max(next), minIf(next, at >= {to:Int64})) - minIf(start_offset, at >= {from:Int64})))
			FROM (SELECT start_offset, least(next_offset, {start:Int64}) AS next, toUnixTimestamp64Milli(last_timestamp) AS at
				FROM `+schemas.Options{Database: r.deps.Database}.Table("ingest_ledger")+`
				WHERE kind = 'flush' AND source = 'kafka' AND source_name = {topic:String} AND source_epoch = {epoch:UInt32}
					AND source_partition = {partition:Int32} AND last_offset >= 0 AND start_offset < {start:Int64})`).Scan(&removed))
	})
	return uint64(max(0, removed)), err
}
