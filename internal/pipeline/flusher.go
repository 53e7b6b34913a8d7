package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"go.uber.org/zap"
)

// errRejoin ends a generation but not the flow. The member rejoins the group and
// checks every position again.
var errRejoin = errors.New("generation abandoned")

// flusher makes the parts of all lanes durable and commits them. One goroutine
// owns it for one generation.
type flusher struct {
	flow       *Flow
	generation Generation
	lanes      []*lane
	limiter    *limiter

	last time.Time // start of the last flush
}

// run flushes when the limiter is full, and otherwise at most once per MaxWait.
// When drain closes it returns after a last flush. When ctx ends it returns at once
// and drops the parts. When a flush was not committed it returns errRejoin, or the
// error that stops the flow.
func (f *flusher) run(ctx context.Context, drain <-chan struct{}) error {
	beat := f.flow.watchdog.watch(flusherLoop)
	defer beat.stop()
	for {
		beat.wait()
		select {
		case <-f.limiter.some:
		case <-drain:
			beat.step()
			return f.flush(ctx, beat)
		case <-ctx.Done():
			return nil
		}
		if !f.pause(ctx, drain) {
			continue
		}
		beat.step()
		if err := f.flush(ctx, beat); err != nil {
			return err
		}
	}
}

// pause waits until the next flush is due. It returns false when ctx ends or the
// drain starts first.
func (f *flusher) pause(ctx context.Context, drain <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(f.last.Add(f.flow.config.MaxWait)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.limiter.full:
		return true
	case <-drain:
		return false
	case <-ctx.Done():
		return false
	}
}

// lanePart is a part that was taken out of the slot of its lane.
type lanePart struct {
	lane *lane
	part *part
}

// giveBack makes the parts the spares of their lanes. A part that grew far beyond
// its share goes to the garbage collector. Otherwise every lane could come to
// hold the memory of a whole batch.
func (f *flusher) giveBack(all []lanePart) {
	share := f.flow.config.MaxBytes / len(f.lanes)
	for _, t := range all {
		if t.lane.spare = t.part; t.part.bytes() > share+share/4 {
			t.lane.spare = newPart()
		}
	}
}

// withGrace returns a context that ends grace after its parent. After a drain
// timeout it ends at once, because no time is left.
func withGrace(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		if errors.Is(context.Cause(parent), consumer.ErrDrainTimeout) {
			cancel()
			return
		}
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

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
		m.countNotes(p.notes, p.rescaled)
		if p.Ledger.Messages > 0 && p.oldest > 0 {
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

// token names the batch by its offset ranges: the same ranges of the same epochs
// give the same token.
func token(all []lanePart) string {
	hash := sha256.New()
	for _, t := range all {
		l := &t.part.Ledger
		fmt.Fprintf(hash, "%s\x1f%d\x1f%d\x1f%d\x1f%d\n", l.Name, l.Epoch, l.Partition, l.StartOffset, l.NextOffset)
	}
	return hex.EncodeToString(hash.Sum(nil)[:16])
}

// describe names the ranges of a batch for an error, at most three.
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
