package sink

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
)

var errNoToken = errors.New("flush: batch has no token; derive it from the offset ranges")

// Flush makes a batch durable: events, then filtered ids, dead letters and
// resolutions, then the ledger. It retries inside. It returns nil when everything
// is in ClickHouse, or
//
//   - an error that wraps ctx's, when ctx ended first: the outcome is
//     unknown;
//   - a fatal *Error;
//   - an error that wraps ErrOutdated or ErrBlocked, of Hooks.Gate.
//
// After an error nothing of the batch may be committed. The same batch may be
// flushed again: rows replace themselves, and the ledger may get a second row for
// the same token and partition, of which readers take the later one.
func (w *Writer) Flush(ctx context.Context, b *Batch) (FlushStats, error) {
	if b.Token == "" {
		return FlushStats{}, errNoToken
	}
	w.flushing.Lock()
	defer w.flushing.Unlock()
	start := w.hooks.Now()
	now := schemas.Millis(start.UnixMilli())

	// The server drops an insert whose token it has seen. The ranges alone would
	// drop too much: the same messages can have other outcomes when they are read
	// again (a timestamp no longer in the future, a changed rule). The time is
	// not unique either, because a clock can be set back.
	token := b.Token + "@" + rand.Text()
	all := wholeBatch(b, token)
	for _, bl := range all.blocks {
		bl.chunk.syncedAt.value = now
	}
	stats := FlushStats{Bytes: all.bytes()}
	events, err := w.events.insert(ctx, all, maxRefused(all.rows))
	stats.Attempts, stats.Splits = events.attempts, events.splits
	if err != nil {
		return stats, err
	}
	stats.Refused = len(events.refused)
	stats.Rows = all.rows - stats.Refused
	w.reportViews(events.views)
	if err := w.guard(ctx, b, events.refused); err != nil {
		return stats, err
	}

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

// decide collects the dead letters of all parts, with the refused rows, and for
// each part the offsets whose earlier dead letters are resolved.
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

// LogViewFailed is logged where a materialized view failed and the rows are stored.
const LogViewFailed = "materialized view failed, rows stored"

// reportViews logs and counts the views that failed for rows of a flush.
func (w *Writer) reportViews(views map[viewFailure]int) {
	for failed, rows := range views {
		w.viewFailed(EventsTable, failed, rows)
	}
}

func (w *Writer) viewFailed(table string, failed viewFailure, rows int) {
	w.log.Error(LogViewFailed, zap.String("table", table), zap.String("view", failed.view), zap.Int("rows", rows),
		zap.Int32("code", failed.code), zap.String("name", codeName(failed.code)), zap.String("hint", viewHint(failed.view)))
	w.hooks.OnViewFailure(failed.view, rows)
}

// ledgerRows are the ledger rows of all parts. Refused rows move from stored to
// dead-lettered.
func (w *Writer) ledgerRows(b *Batch, refused []refusal, now schemas.Millis) []schemas.LedgerRow {
	rows := make([]schemas.LedgerRow, len(b.Parts))
	for i, part := range b.Parts {
		row := part.Ledger
		row.Token, row.Instance, row.SyncedAt = b.Token, w.cfg.Instance, now
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

// Part is what one partition contributes to a flush. The flush does not change
// it, so the same part may be flushed again.
type Part struct {
	Chunk       *Chunk // nil or empty when no event was accepted
	DeadLetters []schemas.DeadLetter
	Filtered    []schemas.FilteredSubscription
	// Ledger is the part's row with its range and counters. The flush sets token,
	// instance and time in a copy, and counts refused rows as dead letters there.
	Ledger schemas.LedgerRow
	// Recheck marks a range that may have been read before. Its open dead letters
	// that are not in this part are resolved. Those that failed again keep their
	// number of attempts.
	Recheck bool
}

// Batch is the parts of one flush. Token names it in the ledger (insert_token):
// the same offset ranges give the same token, other ranges another one.
type Batch struct {
	Parts []*Part
	Token string
}

// FlushStats are the numbers of one flush.
type FlushStats struct {
	Rows     int // event rows inserted
	Bytes    int // their uncompressed size
	Attempts int // INSERT attempts of events
	Splits   int // halved segments
	Refused  int // rows refused by ClickHouse, now dead letters
	Resolved int // earlier dead letters whose message now passed
	Elapsed  time.Duration
}
