package sink

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// RedriveBatch is messages of one partition that have dead letters and were read
// again, each by itself.
type RedriveBatch struct {
	// Part is what they have become. Its Ledger says which partition they are
	// of; no row of it is written, and Recheck has no meaning.
	Part *Part
	// Messages are all that were read, in the order of their offsets.
	Messages []RedriveMessage
}

// RedriveMessage is one of them.
type RedriveMessage struct {
	Offset int64
	// SHA256 is of the raw message, so that a row that ClickHouse refuses, whose
	// raw bytes are gone by then, stays one that can be recognised in Kafka.
	SHA256 [sha256.Size]byte
}

// RedriveStats is what a redrive did.
type RedriveStats struct {
	Rows     int // event rows in ClickHouse
	Resolved int // dead letters that are open no longer
	// Refused are the offsets whose rows ClickHouse refused, in order.
	Refused []int64
	// ResolvedElsewhere are the offsets that failed again although their dead letters
	// had been resolved by somebody else since they were chosen, in order; they
	// are left resolved.
	ResolvedElsewhere []int64
}

// Redrive makes durable what messages with dead letters have become: events,
// then filtered ids, then the new decisions about those that failed again, and
// last, once everything else is in ClickHouse, the resolutions of the others.
// It retries as Flush does, and after an error the same messages may be
// redriven again: what was stored meets its own row, what was resolved is left
// alone, and a message that failed counts one attempt more, which is true.
//
// It writes no ledger row. The ledger accounts for consumption: which range was
// read from a group's position and what became of each record in it, once. These
// records have been accounted for as dead letters by the row of the flush that
// read them; another row would be an overlap whose counters fit no range. What
// has become of one since is in its dead letter.
//
// Beside a running consumer, or another redrive, it is harmless. Rows are keyed
// by the event and carry the record's own version, whoever stores them, and a
// dead letter is resolved only by somebody who has made its message durable
// himself; so whichever decision about one message comes last, a resolved dead
// letter has its row or its filtered id, and one left open beside its row is
// resolved by the next redrive. At worst an attempt is not counted.
func (w *Writer) Redrive(ctx context.Context, r *RedriveBatch) (RedriveStats, error) {
	if len(r.Messages) == 0 {
		return RedriveStats{}, nil
	}
	w.flushing.Lock()
	defer w.flushing.Unlock()
	now := w.now()

	// Read again under other rules, the same messages make other rows.
	token := "redrive:" + rand.Text()
	all := wholeBatch(&Batch{Parts: []*Part{r.Part}}, token)
	for _, bl := range all.blocks {
		bl.chunk.syncedAt.value = now
	}
	// All may be refused: these messages have failed before, and many refusals
	// say nothing about the table.
	events, err := w.events.insertUpTo(ctx, all, all.rows)
	if err != nil {
		return RedriveStats{}, err
	}
	if err := w.writeFiltered(ctx, token, []*Part{r.Part}, now); err != nil {
		return RedriveStats{}, err
	}

	offsets := make([]int64, len(r.Messages))
	for i, m := range r.Messages {
		offsets[i] = m.Offset
	}
	before, err := w.earlierWhere(ctx, &r.Part.Ledger, "source_offset IN ("+offsetList(offsets)+")")
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

// refused are the dead letters of the rows that ClickHouse would not take.
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
