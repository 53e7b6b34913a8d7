package sink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// RedriveBatch is messages of one partition that had dead letters and were read
// again, one by one.
type RedriveBatch struct {
	// Part is their new outcome. Its Ledger names the partition. No ledger row is
	// written, and Recheck has no meaning.
	Part *Part
	// Messages are the messages that were read, by offset.
	Messages []RedriveMessage
}

// RedriveMessage is one message of a redrive.
type RedriveMessage struct {
	Offset int64
	// SHA256 is of the raw message. A row that ClickHouse refuses keeps it, so
	// that the message can be found in Kafka.
	SHA256 [sha256.Size]byte
}

// RedriveStats are the numbers of one redrive.
type RedriveStats struct {
	Rows     int // event rows inserted
	Resolved int // dead letters that are no longer open
	// Refused are the offsets of rows that ClickHouse refused, in order.
	Refused []int64
	// ResolvedElsewhere are the offsets that failed again although another
	// process has resolved their dead letters in the meantime, in order. They
	// stay resolved.
	ResolvedElsewhere []int64
}

// Redrive makes the new outcome of messages with dead letters durable: events,
// then filtered ids, then new decisions for messages that failed again. The other
// dead letters are resolved last, when everything else is in ClickHouse. It
// retries as Flush does. After an error the same messages may be redriven again:
// a stored row replaces itself, a resolved dead letter is left alone, and a
// message that failed counts one more attempt.
//
// It writes no ledger row. The ledger accounts for consumption: each range once,
// with the outcome of each record. The flush that read these records has counted
// them as dead letters. Another row would overlap, and its counters would fit no
// range. The later outcome is in the dead letter.
//
// It may run beside a consumer or another redrive. Rows are keyed by the event
// and carry the record's own version, or that of a delete marker which would hide them
// (hiddenrows.go). A process resolves a dead letter only after
// it made the message durable. So a resolved dead letter always has its row or
// its filtered id. A dead letter that stays open beside its row is resolved by
// the next redrive. At worst one attempt is not counted.
func (w *Writer) Redrive(ctx context.Context, r *RedriveBatch) (RedriveStats, error) {
	if len(r.Messages) == 0 {
		return RedriveStats{}, nil
	}
	w.flushing.Lock()
	defer w.flushing.Unlock()
	now := w.now()

	// The same messages give other rows when the rules have changed, so the token
	// is random.
	token := "redrive:" + rand.Text()
	all := wholeBatch(&Batch{Parts: []*Part{r.Part}}, token)
	for _, bl := range all.blocks {
		bl.chunk.syncedAt.value = now
	}
	// All rows may be refused: these messages have failed before, so many
	// refusals say nothing about the table.
	events, err := w.events.insert(ctx, all, all.rows)
	if err != nil {
		return RedriveStats{}, err
	}
	w.reportViews(events.views)
	if err := w.showHidden(ctx, token, r.Part.Chunk, events.refused, now); err != nil {
		return RedriveStats{}, err
	}
	if err := w.writeFiltered(ctx, token, []*Part{r.Part}, now); err != nil {
		return RedriveStats{}, err
	}

	offsets := make([]int64, len(r.Messages))
	for i, m := range r.Messages {
		offsets[i] = m.Offset
	}
	before, err := w.earlierWhere(ctx, &r.Part.Ledger, withoutContent, "source_offset IN ("+offsetList(offsets)+")")
	if err != nil {
		return RedriveStats{}, err
	}
	stats := RedriveStats{Rows: all.rows - len(events.refused)}
	deadLetters := append([]schemas.DeadLetter(nil), r.Part.DeadLetters...)
	for _, refused := range r.refused(events.refused) {
		deadLetters = append(deadLetters, refused)
		stats.Refused = append(stats.Refused, refused.At.Offset)
	}
	failing := deadLetters[:0]
	for _, d := range deadLetters {
		if e, known := before[d.At.Offset]; known && !e.open {
			stats.ResolvedElsewhere = append(stats.ResolvedElsewhere, d.At.Offset)
			continue
		}
		d.DecidedAt, d.Attempts = now, max(d.Attempts, 1)
		failing = append(failing, d)
	}
	slices.Sort(stats.ResolvedElsewhere)
	passed := recheck(before, failing)
	if err := w.writeDeadLetters(ctx, token, failing); err != nil {
		return RedriveStats{}, err
	}
	if err := w.resolve(ctx, token, &r.Part.Ledger, passed, now); err != nil {
		return RedriveStats{}, err
	}
	stats.Resolved = len(passed)
	return stats, nil
}

// refused are the dead letters of the rows that ClickHouse refused.
func (r *RedriveBatch) refused(refusals []refusal) []schemas.DeadLetter {
	hashes := make(map[int64][]byte, len(r.Messages))
	for i := range r.Messages {
		hashes[r.Messages[i].Offset] = r.Messages[i].SHA256[:]
	}
	deadLetters := make([]schemas.DeadLetter, len(refusals))
	for i, refusal := range refusals {
		deadLetters[i] = r.Part.Chunk.deadLetter(refusal.row, refusal.code)
		deadLetters[i].PayloadSHA256 = hashes[deadLetters[i].At.Offset]
	}
	return deadLetters
}
