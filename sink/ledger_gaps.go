package sink

import (
	"context"

	"github.com/pianola/pianola/schemas"
)

// Range is the offsets [Start, Next) of a partition.
type Range struct{ Start, Next int64 }

// LedgerGaps gives what of a range no row of the ledger accounts for, as read or as
// lost, in one epoch of a partition of a Kafka topic: disjoint, in order. It reads
// the rows that end beyond the range's start, which are few where that is a
// committed offset, and retries as Flush does.
func (w *Writer) LedgerGaps(ctx context.Context, topic string, partition int32, epoch uint32, within Range) ([]Range, error) {
	var gaps []Range
	err := w.persist(ctx, "read "+LedgerTable, func(ctx context.Context, _ int) error {
		rows, err := w.conn.Query(ctx, `SELECT start_offset, next_offset FROM `+LedgerTable+`
			WHERE source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ? AND next_offset > ? AND start_offset < ?
			ORDER BY start_offset, next_offset`,
			string(schemas.SourceKafka), topic, epoch, partition, within.Start, within.Next)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		at := within.Start
		gaps = gaps[:0]
		for rows.Next() {
			var r Range
			if err := rows.Scan(&r.Start, &r.Next); err != nil {
				return err
			}
			if r.Start > at {
				gaps = append(gaps, Range{at, r.Start})
			}
			at = max(at, r.Next)
		}
		if at < within.Next {
			gaps = append(gaps, Range{at, within.Next})
		}
		return rows.Err()
	})
	return gaps, err
}
