package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// account counts a batch that is durable and committed.
func (f *flusher) account(all []lanePart, stats sink.FlushStats) {
	m, now := f.flow.metrics, f.flow.now()
	var stored, filtered, deadLettered, skipped uint64
	for _, t := range all {
		p := t.part
		stored, filtered = stored+p.Ledger.Stored, filtered+p.Ledger.Filtered
		deadLettered, skipped = deadLettered+p.Ledger.DeadLettered, skipped+p.Ledger.Skipped
		for i := range p.DeadLetters {
			m.deadLetters.WithLabelValues(string(p.DeadLetters[i].Reason)).Inc()
		}
		m.countNotes(p.notes)
		if p.messages > 0 && p.oldest > 0 {
			m.latency.Observe(now.Sub(time.UnixMilli(int64(p.oldest))).Seconds())
		}
		m.saw(p.newest)
	}
	refused := uint64(stats.Refused)
	stored, deadLettered = stored-refused, deadLettered+refused
	m.deadLetters.WithLabelValues(string(schemas.RejectedByServer)).Add(float64(refused))
	m.splits.Add(float64(stats.Splits))
	m.resolved.Add(float64(stats.Resolved))
	m.messages.WithLabelValues("stored").Add(float64(stored))
	m.messages.WithLabelValues("filtered").Add(float64(filtered))
	m.messages.WithLabelValues("dead_letter").Add(float64(deadLettered))
	m.messages.WithLabelValues("skipped").Add(float64(skipped))
	m.batchRows.Observe(float64(stored))
	m.batchBytes.Observe(float64(stats.Bytes))
	if check := f.flow.log.Check(zap.DebugLevel, "batch committed"); check != nil {
		check.Write(zap.Int("partitions", len(all)), zap.Uint64("rows", stored), zap.Uint64("filtered", filtered),
			zap.Uint64("dead_letters", deadLettered), zap.Uint64("skipped", skipped),
			zap.Int("attempts", stats.Attempts), zap.Duration("elapsed", stats.Elapsed))
	}
}

// token names the batch by its offset ranges: the same ranges of the same
// epochs are the same token, whoever sends them.
func token(all []lanePart) string {
	hash := sha256.New()
	for _, t := range all {
		l := &t.part.Ledger
		fmt.Fprintf(hash, "%s\x1f%d\x1f%d\x1f%d\x1f%d\n", l.Name, l.Epoch, l.Partition, l.StartOffset, l.NextOffset)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// describe names the ranges of a batch for an error, at most three of them.
func describe(all []lanePart) string {
	text := ""
	for i, t := range all {
		if i == 3 {
			return fmt.Sprintf("%s and %d more", text, len(all)-3)
		}
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s/%d [%d, %d)", t.lane.topic, t.lane.partition, t.part.Ledger.StartOffset, t.part.Ledger.NextOffset)
	}
	return text
}
