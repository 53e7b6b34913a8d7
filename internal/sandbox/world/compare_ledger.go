package world

import (
	"context"
	"fmt"
	"slices"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/schemas"
)

// flush is one row of the ledger.
type flush struct {
	Range
	Messages     uint64 `ch:"messages"`
	Stored       uint64 `ch:"stored"`
	Filtered     uint64 `ch:"filtered"`
	DeadLettered uint64 `ch:"dead_lettered"`
	Skipped      uint64 `ch:"skipped"`
}

// compareLedger checks four things. In every epoch, the flush ranges cover all
// offsets of every partition but the lost ones. Each row balances
// and counts the messages in its range. The sums equal the truth's. The rows of kind
// lost are exactly the expected ones. Ranges that overlap were read again; then the
// sums may be larger.
func (tr *Truth) compareLedger(ctx context.Context, conn driver.Conn, report *Report) (Check, error) {
	check := Check{Name: "table ingest_ledger", Expected: tr.Counts.Messages}
	if err := tr.compareLosses(ctx, conn, &check); err != nil {
		return check, err
	}
	// A retried flush may have written its row twice.
	var flushes []flush
	err := conn.Select(ctx, &flushes, `
		SELECT source_epoch, source_partition, start_offset, next_offset, messages, stored, filtered, dead_lettered, skipped
		FROM ingest_ledger WHERE kind = 'flush' AND source = $1 AND source_name = $2
		ORDER BY source_epoch, source_partition, start_offset, next_offset LIMIT 1 BY insert_token, source_partition, source_name`,
		string(schemas.SourceKafka), tr.w.cfg.Topic)
	if err != nil {
		return check, err
	}
	account := ledgerCheck{truth: tr, check: &check, reached: map[Range]int64{}}
	for _, f := range flushes {
		account.add(f)
	}
	account.close()
	report.ReadAgain = account.again
	return check, nil
}

// compareLosses compares all rows that are not flushes of the topic with the expected
// rows of kind lost. Those of jobs, which read ranges again, are no part of the truth.
func (tr *Truth) compareLosses(ctx context.Context, conn driver.Conn, check *Check) error {
	var wanted []string
	for _, n := range tr.history.LedgerLosses {
		wanted = append(wanted, fmt.Sprintf("%s of %s %s, %s %s", schemas.LedgerLost, schemas.SourceKafka, tr.w.cfg.Topic, n.Range, n.Cause))
	}
	db, err := read(ctx, conn, 1, `
		SELECT format('{} of {} {}, epoch {}, partition {} [{}, {}) {}',
			kind, source, source_name, source_epoch, source_partition, start_offset, next_offset, cause)
		FROM ingest_ledger WHERE kind != 'replay' AND (kind != 'flush' OR source != $1 OR source_name != $2)`, string(schemas.SourceKafka), tr.w.cfg.Topic)
	if err != nil {
		return err
	}
	for ; db.more; db.next() {
		if i := slices.Index(wanted, db.text[0]); i >= 0 {
			wanted = slices.Delete(wanted, i, i+1)
			continue
		}
		check.unexpected(db.text[0])
	}
	for _, want := range wanted {
		check.missing(want)
	}
	return db.close()
}

// ledgerCheck walks the flushes in order of epoch, partition and offset.
type ledgerCheck struct {
	truth   *Truth
	check   *Check
	reached map[Range]int64 // by epoch and partition: all offsets below are covered
	sum     flush
	again   int64
}

func (a *ledgerCheck) add(f flush) {
	ends := a.truth.endsOf(f.Epoch)
	if f.Partition < 0 || int(f.Partition) >= len(ends) || f.Next < f.Start {
		a.check.unexpected(f.String())
		return
	}
	low, high := a.truth.messageCount(f.Partition, f.Start, f.Next)
	if f.Messages != f.Stored+f.Filtered+f.DeadLettered+f.Skipped || f.Messages < low || f.Messages > high {
		a.check.different(f.String(), fmt.Sprintf("%d messages, %d stored, %d filtered, %d dead-lettered, %d skipped do not balance, or are not the %d to %d messages of the range",
			f.Messages, f.Stored, f.Filtered, f.DeadLettered, f.Skipped, low, high))
	}
	key := Range{Epoch: f.Epoch, Partition: f.Partition}
	reached := a.reached[key]
	a.gap(Range{f.Epoch, f.Partition, reached, f.Start})
	a.again += max(0, min(reached, f.Next)-f.Start)
	a.reached[key] = max(reached, f.Next)
	a.sum.Messages += f.Messages
	a.sum.Stored += f.Stored
	a.sum.Filtered += f.Filtered
	a.sum.DeadLettered += f.DeadLettered
	a.sum.Skipped += f.Skipped
}

// gap reports the offsets of a range without a flush as missing, unless they were
// lost.
func (a *ledgerCheck) gap(r Range) {
	if r.Start >= r.Next {
		return
	}
	for _, hole := range a.truth.history.notLost(r) {
		a.check.missing(hole.String())
	}
}

func (a *ledgerCheck) close() {
	for epoch := range uint32(len(a.truth.earlierEnds) + 1) {
		for p, end := range a.truth.endsOf(epoch) {
			key := Range{Epoch: epoch, Partition: int32(p)}
			reached := a.reached[key]
			a.gap(Range{epoch, int32(p), reached, end})
			if reached > end {
				a.check.unexpected(Range{epoch, int32(p), end, reached}.String())
			}
		}
	}
	counts := &a.truth.Counts
	for _, s := range []struct {
		name string
		have uint64
		want int
		gone int // compacted records, which may have been counted before
	}{
		{"messages", a.sum.Messages, counts.Messages, a.truth.compacted}, {"stored", a.sum.Stored, counts.Stored, 0},
		{"filtered", a.sum.Filtered, counts.Filtered, 0}, {"dead_lettered", a.sum.DeadLettered, counts.DeadLettered, 0},
		{"skipped", a.sum.Skipped, counts.Skipped, a.truth.compacted},
	} {
		if s.have < uint64(s.want) || a.again == 0 && s.have > uint64(s.want+s.gone) {
			a.check.different("the sum of "+s.name, fmt.Sprintf("is %d, want %d", s.have, s.want))
		}
	}
}
