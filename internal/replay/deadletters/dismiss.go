package deadletters

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
)

// LogDismissed is the log message of dismissed dead letters.
const LogDismissed = "dead letters dismissed"

// DismissReport describes which dead letters can be dismissed, or were.
type DismissReport struct {
	Executed bool `json:"executed"`
	// Complete is false where the work ended early; what was dismissed is durable.
	Complete  bool           `json:"complete"`
	Letters   uint64         `json:"dead_letters"` // open and selected
	Dismissed uint64         `json:"dismissed"`
	Open      uint64         `json:"stay_open"` // of a plan: those that would stay open
	Groups    []DismissGroup `json:"groups"`    // by topic and reason
	Gone      []Gone         `json:"gone"`      // by cause
}

// DismissGroup counts the dead letters of one topic and reason.
type DismissGroup struct {
	Topic    string         `json:"topic"`
	Reason   schemas.Reason `json:"reason"`
	Letters  uint64         `json:"dead_letters"`
	Gone     uint64         `json:"gone"`     // their message is gone
	Readable uint64         `json:"readable"` // their message is still there: a redrive reads it
	Unread   uint64         `json:"unread"`   // unknown: Kafka did not return them, or the work ended early
}

// Dismiss finds the dead letters of a plan whose message is gone. With execute it closes
// them. Only a read shows that a message is gone: its offset may have another record, or
// none. After an error the report contains what is durable.
func (r *Redriver) Dismiss(ctx context.Context, plan *Plan, d schemas.Dismissal, execute bool) (*DismissReport, error) {
	w := &dismissal{r: r, selection: plan.selection, by: d, execute: execute, groups: map[groupKey]*DismissGroup{}, gone: map[kafkalog.Cause]uint64{}}
	total := uint64(0)
	all := newTally()
	all.add(plan.rest)
	for _, t := range plan.targets {
		all.add(t.counts)
	}
	for _, g := range all.groups {
		total += g.Letters
	}
	w.read = r.parts.Progress.Count("look for the messages of dead letters", "dead letters", total)
	var failed error
	for _, part := range plan.gone {
		if failed == nil {
			failed = w.gonePart(ctx, part)
		}
	}
	for _, t := range plan.targets {
		if failed == nil {
			failed = w.target(ctx, t)
		}
	}
	for key, planned := range all.groups {
		g := w.group(key.topic, key.reason)
		// What was planned and not met: unread, unless another process has closed it.
		if seen := g.Gone + g.Readable; w.skipped || failed != nil {
			g.Unread = planned.Letters - min(seen, planned.Letters)
		}
		g.Letters = g.Gone + g.Readable + g.Unread
	}
	return w.report(failed == nil), failed
}

// dismissal is one run of Dismiss.
type dismissal struct {
	r         *Redriver
	selection Selection
	by        schemas.Dismissal
	execute   bool

	groups    map[groupKey]*DismissGroup
	gone      map[kafkalog.Cause]uint64
	dismissed uint64
	skipped   bool // a partition was not read completely
	read      *progress.Counter
}

func (w *dismissal) group(topic string, reason schemas.Reason) *DismissGroup {
	key := groupKey{topic, reason}
	if w.groups[key] == nil {
		w.groups[key] = &DismissGroup{Topic: topic, Reason: reason}
	}
	return w.groups[key]
}

// gonePart dismisses a range of which the plan shows that it is gone.
func (w *dismissal) gonePart(ctx context.Context, part offsets) error {
	return w.pages(ctx, part.partition, part.first, part.last, func(*deadLetter) (kafkalog.Cause, error) { return part.cause, nil })
}

// target reads the messages of one partition.
func (w *dismissal) target(ctx context.Context, t target) error {
	topic, err := kafkalog.Open(ctx, w.r.parts.Kafka, t.name, w.r.parts.Timeout, w.r.parts.Log)
	if err != nil {
		return err
	}
	defer topic.Close()
	at := topic.NewCursor(t.index)
	defer at.Close()
	err = w.pages(ctx, t.partition, t.first, t.last, func(l *deadLetter) (kafkalog.Cause, error) {
		record, cause, err := at.Find(ctx, l.offset)
		if err != nil || cause != "" {
			return cause, err
		}
		if hash := sha256.Sum256(record.Value); !l.matches(record, hash[:]) {
			return kafkalog.OtherRecord, nil
		}
		return "", nil
	})
	if concernsPartition(err) {
		w.skipped = true
		w.r.skipPartition(t.partition, err)
		return nil
	}
	return err
}

// pages reads the open dead letters of a range, and dismisses those for which look returns
// a cause.
func (w *dismissal) pages(ctx context.Context, p partition, first, last int64, look func(*deadLetter) (kafkalog.Cause, error)) error {
	for {
		page, err := w.r.letters.page(ctx, w.selection, p, first, last, batchMessages)
		if err != nil || len(page) == 0 {
			return err
		}
		var gone []int64
		var failed error
		for i := range page {
			l := &page[i]
			var cause kafkalog.Cause
			if cause, failed = look(l); failed != nil {
				break
			}
			w.read.Add(1)
			if cause == "" {
				w.group(p.name, l.reason).Readable++
				continue
			}
			w.group(p.name, l.reason).Gone++
			w.gone[cause]++
			gone = append(gone, l.offset)
		}
		if err := w.close(ctx, p, gone); err != nil {
			return err
		}
		if failed != nil {
			return fmt.Errorf("dismiss %s/%d: %w", p.name, p.index, failed)
		}
		first = page[len(page)-1].offset + 1
	}
}

// close writes the dismissal of these offsets.
func (w *dismissal) close(ctx context.Context, p partition, gone []int64) error {
	if !w.execute || len(gone) == 0 {
		return nil
	}
	row := schemas.LedgerRow{Source: p.source, Name: p.name, Epoch: p.epoch, Partition: p.index}
	if err := w.r.parts.Writer.Dismiss(ctx, &row, gone, w.by); err != nil {
		return err
	}
	w.dismissed += uint64(len(gone))
	w.r.parts.Log.Info(LogDismissed, zap.String("topic", p.name), zap.Int32("partition", p.index), zap.Int("dead_letters", len(gone)), zap.String("by", w.by.By))
	return nil
}

func (w *dismissal) report(complete bool) *DismissReport {
	r := &DismissReport{Executed: w.execute, Complete: complete, Dismissed: w.dismissed, Groups: []DismissGroup{}, Gone: []Gone{}}
	for _, g := range w.groups {
		r.Groups = append(r.Groups, *g)
		r.Letters += g.Letters
		r.Open += g.Readable + g.Unread
	}
	slices.SortFunc(r.Groups, func(a, b DismissGroup) int {
		if byTopic := strings.Compare(a.Topic, b.Topic); byTopic != 0 {
			return byTopic
		}
		return strings.Compare(string(a.Reason), string(b.Reason))
	})
	for _, cause := range kafkalog.Causes() {
		if n := w.gone[cause]; n > 0 {
			r.Gone = append(r.Gone, Gone{cause, n})
		}
	}
	return r
}
