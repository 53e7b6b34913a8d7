package sink

import (
	"context"
	"strconv"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Position is what the tables know of one partition, for the assignment check.
type Position struct {
	// InLedger reports that the ledger has a row of the partition. When only dead
	// letters exist, the first flush was interrupted.
	InLedger bool
	// Epoch is the highest in the ledger. The other fields belong to it.
	Epoch uint32
	// OnlyLost reports that the epoch has no flush yet, only the row that opened
	// it. LastOffset is then -1.
	OnlyLost bool
	// Reached is the end of what the ledger accounts for, lost ranges included.
	// The group has committed it, or was about to.
	Reached int64
	// LastOffset and LastTimestamp are those of the last read record. They
	// identify a recreated topic. LastOffset is -1 when no flush had a record.
	LastOffset    int64
	LastTimestamp schemas.Millis
	LastPayload   string // see schemas.LedgerRow
	// ReadBelow is the highest offset with a dead letter plus one, or 0. A range
	// that starts below it may have been read before, and needs Recheck.
	ReadBelow int64
}

// Positions reads the ledger and the dead letters of these partitions of a Kafka
// topic. The result has no entry for an unknown partition. It retries as Flush
// does.
func (w *Writer) Positions(ctx context.Context, topic string, partitions []int32) (map[int32]Position, error) {
	known := make(map[int32]Position, len(partitions))
	if len(partitions) == 0 {
		return known, nil
	}
	err := w.persist(ctx, "read "+LedgerTable, func(ctx context.Context, _ int) error {
		clear(known)
		if err := w.readLedger(ctx, topic, partitions, known); err != nil {
			return err
		}
		return w.readDeadLetters(ctx, topic, partitions, known)
	})
	return known, err
}

func (w *Writer) readLedger(ctx context.Context, topic string, partitions []int32, known map[int32]Position) error {
	// The projection positions of the table answers this: its expressions must stay
	// the same as here. What jobs have read is no position of a consumer.
	rows, err := w.conn.Query(ctx, `SELECT source_partition, source_epoch, countIf(kind = 'flush'),
			max(if(kind != 'replay', next_offset, 0)), max(if(kind = 'flush', last_offset, -1)),
			toUnixTimestamp64Milli(argMax(last_timestamp, if(kind = 'flush', last_offset, -1))),
			argMax(last_payload_sha256, if(kind = 'flush', last_offset, -1))
		FROM `+LedgerTable+` WHERE source = ? AND source_name = ? AND source_partition IN (`+numbers(partitions)+`)
		GROUP BY source_partition, source_epoch
		HAVING countIf(kind != 'replay') > 0
		ORDER BY source_partition, source_epoch DESC LIMIT 1 BY source_partition`,
		string(schemas.SourceKafka), topic)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var partition int32
		var flushes uint64
		var at int64
		var payload string
		var p Position
		if err := rows.Scan(&partition, &p.Epoch, &flushes, &p.Reached, &p.LastOffset, &at, &payload); err != nil {
			return err
		}
		p.InLedger, p.OnlyLost = true, flushes == 0
		if p.LastOffset >= 0 {
			p.LastTimestamp, p.LastPayload = schemas.Millis(at), payload
		}
		known[partition] = p
	}
	return rows.Err()
}

// readDeadLetters adds ReadBelow. Dead letters are written before the ledger, so
// a partition may have only them. It ignores an epoch that the ledger does not
// have.
func (w *Writer) readDeadLetters(ctx context.Context, topic string, partitions []int32, known map[int32]Position) error {
	rows, err := w.conn.Query(ctx, `SELECT source_partition, source_epoch, max(source_offset) + 1
		FROM `+DeadLettersTable+` WHERE source = ? AND source_name = ? AND source_partition IN (`+numbers(partitions)+`)
		GROUP BY source_partition, source_epoch`, string(schemas.SourceKafka), topic)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var partition int32
		var epoch uint32
		var below int64
		if err := rows.Scan(&partition, &epoch, &below); err != nil {
			return err
		}
		p, found := known[partition]
		switch {
		case !found, !p.InLedger && epoch > p.Epoch:
			p = Position{Epoch: epoch, LastOffset: -1, ReadBelow: below}
		case epoch == p.Epoch:
			p.ReadBelow = below
		}
		known[partition] = p
	}
	return rows.Err()
}

func numbers(partitions []int32) string {
	list := make([]string, len(partitions))
	for i, p := range partitions {
		list[i] = strconv.Itoa(int(p))
	}
	return strings.Join(list, ", ")
}

// Range is the offsets [Start, Next) of a partition.
type Range struct{ Start, Next int64 }

// LedgerGaps returns the parts of a range that no ledger row accounts for, as
// read by a consumer or lost, in one epoch of a partition: disjoint and in order. It reads the
// rows that end after the start of the range. They are few when the start is a
// committed offset. It retries as Flush does.
func (w *Writer) LedgerGaps(ctx context.Context, topic string, partition int32, epoch uint32, within Range) ([]Range, error) {
	var gaps []Range
	err := w.persist(ctx, "read "+LedgerTable, func(ctx context.Context, _ int) error {
		rows, err := w.conn.Query(ctx, `SELECT start_offset, next_offset FROM `+LedgerTable+`
			WHERE source = ? AND source_name = ? AND source_epoch = ? AND source_partition = ? AND next_offset > ? AND start_offset < ?
			AND kind != ?
			ORDER BY start_offset, next_offset`,
			string(schemas.SourceKafka), topic, epoch, partition, within.Start, within.Next, string(schemas.LedgerReplay))
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
