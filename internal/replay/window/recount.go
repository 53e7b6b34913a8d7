package window

import (
	"context"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// recount corrects the counts of a job that is resumed. A process that was killed after a
// write did not record what it had counted.
func (r *Replayer) recount(run *job.Run) error {
	opened, err := r.opened(run.Reading(), run.ID(), run.Plan().Ranges, run.StartedAt())
	if err != nil {
		return err
	}
	run.Set(job.NewDeadLetters, max(run.Count(job.NewDeadLetters), opened))
	run.Set(Removed, run.Covered().Removed)
	return nil
}

// opened counts the open dead letters of the ranges that the job has opened: their only
// attempt came after its start. Rows that were written together have one time, so a
// checkpoint with that time proves it, and the ledger row of a consumer disproves it.
// Without either, the process was killed before its checkpoint, or a consumer is about to
// write its ledger row. It is the job's where consumers have gone past the message.
func (r *Replayer) opened(ctx context.Context, id string, ranges []job.Range, since time.Time) (n uint64, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"since": strconv.FormatInt(since.UnixMilli(), 10), "job": id}))
	tables := schemas.Options{Database: r.deps.Database}
	const partition = "source_name, source_epoch, source_partition"
	const begin = "fromUnixTimestamp64Milli({since:Int64}, 'UTC')"
	writtenWith := func(condition string) string {
		return "(" + partition + ", decided_at) GLOBAL IN (SELECT " + partition + ", synced_at FROM " + tables.Table("ingest_ledger") +
			" WHERE source = 'kafka' AND synced_at >= " + begin + " AND " + condition + ")"
	}
	reached := `SELECT ` + partition + `, max(next_offset) FROM ` + tables.Table("ingest_ledger") + `
		WHERE source = 'kafka' AND kind = 'flush' GROUP BY ` + partition
	letters := `SELECT ` + partition + `, source_offset, ` + writtenWith("kind = 'replay' AND job_id = {job:String}") + `
		FROM ` + tables.Table(sink.DeadLettersTable) + ` FINAL
		WHERE source = 'kafka' AND resolved_at IS NULL AND attempts = 1 AND decided_at >= ` + begin + ` AND NOT ` + writtenWith("kind = 'flush'")
	err = statement.Retry(ctx, r.deps.Log, "read dead_letters", ledgerLimit, func(ctx context.Context) error {
		n = 0
		consumed := map[job.Range]int64{}
		err := statement.Each(ctx, r.deps.Conn, reached, func(row driver.Rows) error {
			var of job.Range
			var next int64
			err := row.Scan(&of.Name, &of.Epoch, &of.Partition, &next)
			consumed[of] = next
			return err
		})
		if err != nil {
			return err
		}
		return statement.Each(ctx, r.deps.Conn, letters, func(row driver.Rows) error {
			var of job.Range
			var offset int64
			var proven uint8
			if err := row.Scan(&of.Name, &of.Epoch, &of.Partition, &offset, &proven); err != nil {
				return err
			}
			if next, known := consumed[of]; proven == 0 && known && offset >= next {
				return nil
			}
			for _, one := range ranges {
				if one.Name == of.Name && one.Epoch == of.Epoch && one.Partition == of.Partition && one.From <= offset && offset < one.To {
					n++
					break
				}
			}
			return nil
		})
	})
	return n, err
}
