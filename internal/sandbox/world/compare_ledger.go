package world

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// flush is one row of the ledger.
type flush struct {
	partition, start, next                            int64
	messages, stored, filtered, deadLettered, skipped uint64
}

// compareLedger asks that the ledger's ranges cover every partition from its
// first offset to its last, that each row balances and counts the messages that
// lie in its range, and that the sums are the truth's. Ranges that overlap were
// read again; then the sums can only be larger.
func (tr *Truth) compareLedger(ctx context.Context, conn driver.Conn, report *Report) (Check, error) {
	check := Check{Name: "table ingest_ledger", Expected: tr.Counts.Messages}
	var others uint64
	if err := conn.QueryRow(ctx, "SELECT count() FROM ingest_ledger WHERE kind != 'flush' OR source != $1 OR source_name != $2 OR source_epoch != 0",
		string(schemas.SourceKafka), tr.w.cfg.Topic).Scan(&others); err != nil {
		return check, err
	}
	if others > 0 {
		check.unexpected(fmt.Sprintf("%d rows that are no flush of %s, epoch 0", others, tr.w.cfg.Topic))
	}
	// A flush that was tried again may have written its row twice.
	rows, err := conn.Query(ctx, `
		SELECT toInt64(source_partition), start_offset, next_offset, messages, stored, filtered, dead_lettered, skipped
		FROM ingest_ledger WHERE kind = 'flush' AND source = $1 AND source_name = $2 AND source_epoch = 0
		ORDER BY source_partition, start_offset, next_offset LIMIT 1 BY insert_token, source_partition, source_name`,
		string(schemas.SourceKafka), tr.w.cfg.Topic)
	if err != nil {
		return check, err
	}
	account := ledgerAccount{truth: tr, check: &check, reached: make([]int64, len(tr.Ends))}
	for rows.Next() {
		var f flush
		if err := rows.Scan(&f.partition, &f.start, &f.next, &f.messages, &f.stored, &f.filtered, &f.deadLettered, &f.skipped); err != nil {
			_ = rows.Close()
			return check, err
		}
		account.add(f)
	}
	if err := rows.Close(); err != nil {
		return check, err
	}
	if err := rows.Err(); err != nil {
		return check, err
	}
	account.close()
	report.ReadAgain = account.again
	return check, nil
}

// ledgerAccount walks the flushes in order of partition and offset.
type ledgerAccount struct {
	truth   *Truth
	check   *Check
	reached []int64 // by partition: everything below is accounted for
	sum     flush
	again   int64
}

func (a *ledgerAccount) add(f flush) {
	where := fmt.Sprintf("partition %d [%d, %d)", f.partition, f.start, f.next)
	if f.partition < 0 || int(f.partition) >= len(a.reached) || f.next < f.start {
		a.check.unexpected(where)
		return
	}
	least, most := a.truth.read(f.partition, f.start, f.next)
	if f.messages != f.stored+f.filtered+f.deadLettered+f.skipped || f.messages < least || f.messages > most {
		a.check.different(where, fmt.Sprintf("%d messages, %d stored, %d filtered, %d dead-lettered, %d skipped do not balance, or are not the %d to %d that lie there",
			f.messages, f.stored, f.filtered, f.deadLettered, f.skipped, least, most))
	}
	reached := &a.reached[f.partition]
	if f.start > *reached {
		a.check.missing(fmt.Sprintf("partition %d [%d, %d)", f.partition, *reached, f.start))
	}
	a.again += max(0, min(*reached, f.next)-f.start)
	*reached = max(*reached, f.next)
	a.sum.messages += f.messages
	a.sum.stored += f.stored
	a.sum.filtered += f.filtered
	a.sum.deadLettered += f.deadLettered
	a.sum.skipped += f.skipped
}

func (a *ledgerAccount) close() {
	for p, end := range a.truth.Ends {
		switch reached := a.reached[p]; {
		case reached < end:
			a.check.missing(fmt.Sprintf("partition %d [%d, %d)", p, reached, end))
		case reached > end:
			a.check.unexpected(fmt.Sprintf("partition %d [%d, %d)", p, end, reached))
		}
	}
	counts := &a.truth.Counts
	for _, s := range []struct {
		name string
		have uint64
		want int
		gone int // may have been counted, before compaction took them
	}{
		{"messages", a.sum.messages, counts.Messages, a.truth.gone}, {"stored", a.sum.stored, counts.Stored, 0},
		{"filtered", a.sum.filtered, counts.Filtered, 0}, {"dead_lettered", a.sum.deadLettered, counts.DeadLettered, 0},
		{"skipped", a.sum.skipped, counts.Skipped, a.truth.gone},
	} {
		if s.have < uint64(s.want) || a.again == 0 && s.have > uint64(s.want+s.gone) {
			a.check.different("the sum of "+s.name, fmt.Sprintf("is %d, want %d", s.have, s.want))
		}
	}
}
