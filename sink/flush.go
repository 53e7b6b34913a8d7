package sink

import (
	"context"
	"crypto/rand"
	"errors"

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
	begun := w.hooks.Now()
	now := schemas.Millis(begun.UnixMilli())

	// A token drops an insert that the server has seen. The ranges alone would
	// drop too much: read again, the same messages can have other outcomes
	// (an instant no longer in the future, a changed rule). And the time does not
	// tell one flush from another, for a clock that was set back shows it twice.
	token := b.Token + "@" + rand.Text()
	all := whole(b, token)
	for _, bl := range all.blocks {
		bl.chunk.syncedAt.value = now
	}
	stats := FlushStats{Bytes: all.bytes()}
	events, err := w.events.settle(ctx, all)
	stats.Attempts, stats.Splits = events.attempts, events.splits
	if err != nil {
		return stats, err
	}
	stats.Refused = len(events.refused)
	stats.Rows = all.rows - stats.Refused

	if err := w.writeFiltered(ctx, token, b.Parts, now); err != nil {
		return stats, err
	}
	letters, resolved, err := w.decide(ctx, b, events.refused, now)
	if err != nil {
		return stats, err
	}
	if err := w.writeDeadLetters(ctx, token, letters); err != nil {
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
	stats.Elapsed = w.hooks.Now().Sub(begun)
	return stats, nil
}

// decide gathers the dead letters of all parts, the refused rows among them, and
// by part the offsets whose earlier dead letters are resolved.
func (w *Writer) decide(ctx context.Context, b *Batch, refused []refusal, now schemas.Millis) ([]schemas.DeadLetter, [][]int64, error) {
	var letters []schemas.DeadLetter
	resolved := make([][]int64, len(b.Parts))
	for i, part := range b.Parts {
		first := len(letters)
		letters = append(letters, part.DeadLetters...)
		for _, r := range refused {
			if r.part == i {
				letters = append(letters, part.Chunk.deadLetter(r.row, r.code))
			}
		}
		failing := letters[first:]
		for j := range failing {
			failing[j].DecidedAt = now
			failing[j].Attempts = max(failing[j].Attempts, 1)
		}
		if !part.Recheck {
			continue
		}
		before, err := w.earlierLetters(ctx, &part.Ledger)
		if err != nil {
			return nil, nil, err
		}
		resolved[i] = recheck(before, failing)
	}
	return letters, resolved, nil
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
