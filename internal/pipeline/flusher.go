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

// errRejoin ends a generation but not the flow: the group is joined again and
// every position judged anew.
var errRejoin = errors.New("the generation is left")

// flusher makes the parts of all lanes durable and commits them. One goroutine
// owns it for one generation.
type flusher struct {
	flow       *Flow
	generation Generation
	lanes      []*lane
	limiter    *limiter

	last time.Time // when the last flush began
}

// run flushes whenever the gate shuts, and otherwise at most once a MaxWait,
// until drain closes (then it flushes what there is and returns nil), the
// context ends (what is gathered is dropped) or a flush has not been committed
// (errRejoin, or what makes the whole flow stop).
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

// pause waits until the next flush is due; false means that the context or the
// drain came first.
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

// taken is a part out of its lane's slot.
type lanePart struct {
	lane *lane
	part *part
}

// giveBack makes the parts the lanes' spares. One that grew far beyond its
// lane's share is left to the garbage collector: kept, it would let every lane
// come to hold a whole batch's memory.
func (f *flusher) giveBack(all []lanePart) {
	share := f.flow.config.MaxBytes / len(f.lanes)
	for _, t := range all {
		if t.lane.spare = t.part; t.part.bytes() > share+share/4 {
			t.lane.spare = newPart()
		}
	}
}

// withGrace returns a context that outlives its parent by the given time; not at
// all where the parent's end is that of a drain, whose bound is the last there is.
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
		m.countNotes(p.notes)
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
