package deadletters

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// A batch is stored when it has so many messages or bytes. It limits the memory, and what
// is repeated after an interruption.
const (
	batchMessages = 2000
	batchBytes    = 8 << 20
)

// LogRedriven is the log message of a stored batch.
const LogRedriven = "dead letters redriven"

// Redrive executes a plan. After an error or the end of ctx the report contains what is
// durable, and a repetition continues there.
func (r *Redriver) Redrive(ctx context.Context, plan *Plan) (*Report, error) {
	all := newTally()
	all.add(plan.rest)
	toRead := uint64(0)
	for _, t := range plan.targets {
		for _, g := range t.counts.groups {
			toRead += g.ToRead()
		}
	}
	read := r.parts.Progress.Count("redrive dead letters", "dead letters", toRead)
	var failed error
	for _, t := range plan.targets {
		w := &partitionRedrive{r: r, target: t, selection: plan.selection, counts: newTally(), read: read}
		w.counts.add(t.counts)
		if failed == nil {
			failed = w.run(ctx)
		}
		w.close()
		all.add(w.counts)
	}
	report := all.report()
	report.Executed, report.Complete = true, failed == nil
	return report, failed
}

// partitionRedrive is the redrive of one partition.
type partitionRedrive struct {
	r         *Redriver
	target    target
	selection Selection
	counts    *tally // the plan's, and the results
	finished  bool   // all dead letters of the target were read

	topic   *kafkalog.Topic
	cursor  *kafkalog.Cursor
	read    *progress.Counter
	reread  *pipeline.Reprocessor
	waiting []reprocessed // what reread holds
	done    int
}

// reprocessed is one message of a batch, until it is durable.
type reprocessed struct {
	message sink.RedriveMessage
	reason  schemas.Reason // of its dead letter
	outcome transform.Outcome
}

func (w *partitionRedrive) run(ctx context.Context) error {
	var err error
	w.topic, err = kafkalog.Open(ctx, w.r.parts.Kafka, w.target.name, w.r.parts.Timeout, w.r.parts.Log)
	if err != nil {
		return err
	}
	w.cursor = w.topic.NewCursor(w.target.index)
	w.reread = pipeline.NewReprocessor(w.r.parts.Rules, w.target.name, w.target.epoch, w.target.index)
	for first := w.target.first; ; {
		page, err := w.r.letters.page(ctx, w.selection, w.target.partition, first, w.target.last, batchMessages)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			w.finished = true
			return nil
		}
		err = w.page(ctx, page)
		if concernsPartition(err) {
			w.r.skipPartition(w.target.partition, err)
			return nil
		}
		if err != nil {
			return fmt.Errorf("redrive %s/%d: %w", w.target.name, w.target.index, err)
		}
		first = page[len(page)-1].offset + 1
	}
}

// page redrives one page of dead letters. After an error that concerns this partition
// alone it still stores what it has.
func (w *partitionRedrive) page(ctx context.Context, page []deadLetter) error {
	for i := range page {
		err := w.take(ctx, &page[i])
		w.read.Add(1)
		if err == nil && w.reread.Size() >= batchBytes {
			err = w.flush(ctx)
		}
		if concernsPartition(err) {
			if failed := w.flush(ctx); failed != nil {
				return failed
			}
		}
		if err != nil {
			return err
		}
	}
	return w.flush(ctx)
}

// take reads the message of one dead letter and applies the rules, if it is the refused
// message.
func (w *partitionRedrive) take(ctx context.Context, l *deadLetter) error {
	record, cause, err := w.cursor.Find(ctx, l.offset)
	if err != nil {
		return err
	}
	if cause != "" {
		w.counts.addGone(w.target.name, l.reason, cause, 1)
		return nil
	}
	hash := sha256.Sum256(record.Value)
	if !l.matches(record, hash[:]) {
		w.counts.addGone(w.target.name, l.reason, kafkalog.OtherRecord, 1)
		return nil
	}
	w.waiting = append(w.waiting, reprocessed{
		message: sink.RedriveMessage{Offset: l.offset, SHA256: hash},
		reason:  l.reason,
		outcome: w.reread.Take(record, w.r.parts.Now()),
	})
	return nil
}

// matches reports whether the dead letter is of this record: by the hash of the raw
// message, or for a row that ClickHouse refused by the record's timestamp, which the
// sink took from the row's version.
func (l *deadLetter) matches(record consumer.Record, hash []byte) bool {
	if l.sha256 != nil {
		return bytes.Equal(l.sha256, hash)
	}
	sent, _ := schemas.RecordTime(record.Timestamp)
	return l.messageTime == schemas.VersionTime(schemas.KafkaVersion(sent, record.Offset))
}

// flush stores the batch and counts it.
func (w *partitionRedrive) flush(ctx context.Context) error {
	if len(w.waiting) == 0 {
		return nil
	}
	batch := &sink.RedriveBatch{Part: w.reread.Part()}
	for _, one := range w.waiting {
		batch.Messages = append(batch.Messages, one.message)
	}
	begun := time.Now()
	stats, err := w.r.parts.Writer.Redrive(ctx, batch)
	if err != nil {
		return err
	}
	w.count(stats)
	w.done += len(w.waiting)
	w.r.parts.Log.Info(LogRedriven, zap.String("topic", w.target.name), zap.Int32("partition", w.target.index),
		zap.Int64("offset", w.waiting[len(w.waiting)-1].message.Offset), zap.Int("messages", w.done),
		zap.Int("rows", stats.Rows), zap.Int("resolved", stats.Resolved), zap.Duration("elapsed", time.Since(begun)))
	w.reread.Reset()
	w.waiting = w.waiting[:0]
	return nil
}

func (w *partitionRedrive) count(stats sink.RedriveStats) {
	refused, elsewhere := setOf(stats.Refused), setOf(stats.ResolvedElsewhere)
	for _, one := range w.waiting {
		g := w.counts.group(w.target.name, one.reason)
		switch {
		case elsewhere[one.message.Offset]:
			g.Elsewhere++
		case refused[one.message.Offset], one.outcome == transform.DeadLettered:
			g.Failed++
		case one.outcome == transform.Stored:
			g.Stored++
		case one.outcome == transform.Filtered:
			g.Filtered++
		case one.outcome == transform.Skipped:
			g.Skipped++
		}
	}
}

func setOf(offsets []int64) map[int64]bool {
	set := make(map[int64]bool, len(offsets))
	for _, offset := range offsets {
		set[offset] = true
	}
	return set
}

// close counts what was planned and not found: it is open and unread, or, where the
// whole target was read, another process has resolved it.
func (w *partitionRedrive) close() {
	for _, g := range w.counts.groups {
		missing := g.Letters - min(g.counted(), g.Letters)
		if w.finished {
			g.Elsewhere += missing
		} else {
			g.Unread += missing
		}
	}
	if w.cursor != nil {
		w.cursor.Close()
	}
	if w.topic != nil {
		w.topic.Close()
	}
}
