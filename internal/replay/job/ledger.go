package job

import (
	"context"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/migrate"
	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// Covered is what the checkpoints of a job say.
type Covered struct {
	Ranges []Range // disjoint, in the order of name, epoch, partition and offset
	Counts Counts
	// Removed are offsets that nobody could read any more.
	Removed uint64
	// Last is the last record that was read of each partition, by which a recreated topic
	// is recognised.
	Last []schemas.LedgerRow
}

// Covered reads the checkpoints of a job.
func (s *Store) Covered(ctx context.Context, j *Job) (*Covered, error) {
	var rows []schemas.LedgerRow
	err := statement.Retry(ctx, s.deps.Log, "read the job's ledger", statementLimit, func(ctx context.Context) error {
		rows = nil
		found, err := s.deps.Conn.Query(WithNames(ctx), `SELECT source_name, source_epoch, source_partition, start_offset, next_offset,
				messages, stored, filtered, dead_lettered, skipped, last_offset, toUnixTimestamp64Milli(last_timestamp), last_payload_sha256, cause
			FROM `+s.tables.Table("ingest_ledger")+` WHERE kind = ? AND source = ? AND source_name IN ? AND job_id = ?
			ORDER BY source_name, source_epoch, source_partition, start_offset, written_at`,
			string(schemas.LedgerReplay), string(j.Source), j.Plan.names(), j.ID)
		if err != nil {
			return migrate.Explain(err)
		}
		defer func() { _ = found.Close() }() // Err reports the error
		for found.Next() {
			row, err := scanCheckpoint(found)
			if err != nil {
				return migrate.Explain(err)
			}
			rows = append(rows, row)
		}
		return migrate.Explain(found.Err())
	})
	if err != nil {
		return nil, err
	}
	return coveredBy(rows), nil
}

func scanCheckpoint(found driver.Rows) (row schemas.LedgerRow, err error) {
	var at int64
	var cause string
	err = found.Scan(&row.Name, &row.Epoch, &row.Partition, &row.StartOffset, &row.NextOffset, &row.Messages, &row.Stored, &row.Filtered,
		&row.DeadLettered, &row.Skipped, &row.LastOffset, &at, &row.LastPayload, &cause)
	row.LastTimestamp, row.Cause = schemas.Millis(at), schemas.LostCause(cause)
	return row, err
}

// coveredBy adds up checkpoints, which are in order. After an unknown outcome a chunk may be
// there twice, also with another end: of one start the row that was written last counts.
func coveredBy(rows []schemas.LedgerRow) *Covered {
	c := &Covered{Counts: Counts{}}
	for i, row := range rows {
		r := rangeOf(row)
		if n := len(c.Ranges); n > 0 && c.Ranges[n-1].samePartition(r) && r.From <= c.Ranges[n-1].To {
			c.Ranges[n-1].To = max(c.Ranges[n-1].To, r.To)
		} else {
			c.Ranges = append(c.Ranges, r)
		}
		if row.LastOffset >= 0 {
			if n := len(c.Last); n == 0 || !rangeOf(c.Last[n-1]).samePartition(r) {
				c.Last = append(c.Last, row)
			} else if row.LastOffset > c.Last[n-1].LastOffset {
				c.Last[n-1] = row
			}
		}
		if i+1 < len(rows) && rows[i+1].StartOffset == row.StartOffset && rangeOf(rows[i+1]).samePartition(r) {
			continue
		}
		if row.Cause != "" {
			c.Removed += uint64(row.NextOffset - row.StartOffset)
		}
		c.Counts.Add(Counts{Messages: row.Messages, Stored: row.Stored, Filtered: row.Filtered, DeadLettered: row.DeadLettered, Skipped: row.Skipped})
	}
	return c
}

func rangeOf(row schemas.LedgerRow) Range {
	return Range{Name: row.Name, Epoch: row.Epoch, Partition: row.Partition, From: row.StartOffset, To: row.NextOffset}
}

func (r Range) samePartition(other Range) bool {
	return r.Name == other.Name && r.Epoch == other.Epoch && r.Partition == other.Partition
}

// Remaining are the parts of the plan that no checkpoint covers, in order of the plan. A
// range without an end keeps what is behind its last checkpoint.
func (c *Covered) Remaining(p Plan) []Range {
	var rest []Range
	for _, r := range p.Ranges {
		at := r.From
		for _, done := range c.Ranges {
			if !done.samePartition(r) || done.To <= at || r.To > 0 && done.From >= r.To {
				continue
			}
			if done.From > at {
				rest = append(rest, Range{r.Name, r.Epoch, r.Partition, at, done.From})
			}
			at = done.To
		}
		if r.To == 0 || at < r.To {
			rest = append(rest, Range{r.Name, r.Epoch, r.Partition, at, r.To})
		}
	}
	return slices.Clip(rest)
}

// Offsets is how many offsets or rows of the plan are covered.
func (c *Covered) Offsets(p Plan) (n uint64) {
	for _, r := range p.Ranges {
		for _, done := range c.Ranges {
			if from, to := max(r.From, done.From), done.To; done.samePartition(r) {
				if r.To > 0 {
					to = min(to, r.To)
				}
				n += uint64(max(0, to-from))
			}
		}
	}
	return n
}
