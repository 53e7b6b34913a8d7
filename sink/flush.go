package sink

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/pianola/pianola/schemas"
)

var errNoToken = errors.New("flush: the batch has no token; make it of the offset ranges")

// Flush makes a batch durable: events, then filtered ids, dead letters and
// resolutions, then the ledger. It retries inside and returns when all of it is
// in ClickHouse, or with
//
//   - an error that wraps ctx's, when ctx ended first: the outcome is unknown;
//   - a fatal *Error.
//
// After either nothing of the batch may be committed. The same batch again is
// harmless: rows replace themselves, and the ledger may gain a second row for
// the same token and partition, of which its readers take the later.
func (w *Writer) Flush(ctx context.Context, b *Batch) (FlushStats, error) {
	if b.Token == "" {
		return FlushStats{}, errNoToken
	}
	w.flushing.Lock()
	defer w.flushing.Unlock()
	start := w.hooks.Now()
	now := schemas.Millis(start.UnixMilli())

	// A token drops an insert that the server has seen. The ranges alone would
	// drop too much: read again, the same messages can have other outcomes
	// (an instant no longer in the future, a changed rule). And the time does not
	// tell one flush from another, for a clock that was set back shows it twice.
	token := b.Token + "@" + rand.Text()
	all := wholeBatch(b, token)
	for _, bl := range all.blocks {
		bl.chunk.syncedAt.value = now
	}
	stats := FlushStats{Bytes: all.bytes()}
	events, err := w.events.insert(ctx, all)
	stats.Attempts, stats.Splits = events.attempts, events.splits
	if err != nil {
		return stats, err
	}
	stats.Refused = len(events.refused)
	stats.Rows = all.rows - stats.Refused

	if err := w.writeFiltered(ctx, token, b.Parts, now); err != nil {
		return stats, err
	}
	deadLetters, resolved, err := w.decide(ctx, b, events.refused, now)
	if err != nil {
		return stats, err
	}
	if err := w.writeDeadLetters(ctx, token, deadLetters); err != nil {
		return stats, err
	}
	for i, offsets := range resolved {
		if err := w.resolve(ctx, token, &b.Parts[i].Ledger, offsets, now); err != nil {
			return stats, err
		}
		stats.Resolved += len(offsets)
	}
	if err := w.appendLedger(ctx, token+":ledger", w.ledgerRows(b, events.refused, now)); err != nil {
		return stats, err
	}
	stats.Elapsed = w.hooks.Now().Sub(start)
	return stats, nil
}

// decide gathers the dead letters of all parts, the refused rows among them, and
// by part the offsets whose earlier dead letters are resolved.
func (w *Writer) decide(ctx context.Context, b *Batch, refused []refusal, now schemas.Millis) ([]schemas.DeadLetter, [][]int64, error) {
	var deadLetters []schemas.DeadLetter
	resolved := make([][]int64, len(b.Parts))
	for i, part := range b.Parts {
		first := len(deadLetters)
		deadLetters = append(deadLetters, part.DeadLetters...)
		for _, r := range refused {
			if r.part == i {
				deadLetters = append(deadLetters, part.Chunk.deadLetter(r.row, r.code))
			}
		}
		failing := deadLetters[first:]
		for j := range failing {
			failing[j].DecidedAt = now
			failing[j].Attempts = max(failing[j].Attempts, 1)
		}
		if !part.Recheck {
			continue
		}
		before, err := w.earlierInRange(ctx, &part.Ledger)
		if err != nil {
			return nil, nil, err
		}
		resolved[i] = recheck(before, failing)
	}
	return deadLetters, resolved, nil
}

// ledgerRows are the parts' rows as they are written: refused rows have moved
// from stored to dead-lettered.
func (w *Writer) ledgerRows(b *Batch, refused []refusal, now schemas.Millis) []schemas.LedgerRow {
	rows := make([]schemas.LedgerRow, len(b.Parts))
	for i, part := range b.Parts {
		row := part.Ledger
		row.Token, row.Instance, row.WrittenAt = b.Token, w.cfg.Instance, now
		if row.Kind == "" {
			row.Kind = schemas.LedgerFlush
		}
		rows[i] = row
	}
	for _, r := range refused {
		rows[r.part].Stored--
		rows[r.part].DeadLettered++
	}
	return rows
}

// Part is what one partition contributes to a flush. The flush reads it and
// changes nothing in it, so the same part may be flushed again.
type Part struct {
	Chunk       *Chunk // nil or empty where no event was accepted
	DeadLetters []schemas.DeadLetter
	Filtered    []schemas.FilteredSubscription
	// Ledger is the part's row with its range and counters. The flush sets
	// token, instance and time in a copy, and counts the rows that ClickHouse
	// refuses as dead letters there.
	Ledger schemas.LedgerRow
	// Recheck says that the range may have been read before: dead letters that
	// are open in it and not among this part's are resolved, and the attempts
	// of those that failed again go on counting.
	Recheck bool
}

// Batch is what is flushed together. Token names it in the ledger
// (insert_token): the same offset ranges give the same token, others another.
type Batch struct {
	Parts []*Part
	Token string
}

// FlushStats is what a flush did.
type FlushStats struct {
	Rows     int // event rows in ClickHouse
	Bytes    int // what they take uncompressed
	Attempts int // INSERTs of events that were tried
	Splits   int // how often a segment was halved
	Refused  int // rows that became dead letters because ClickHouse refused them
	Resolved int // dead letters of earlier reads that now passed
	Elapsed  time.Duration
}
