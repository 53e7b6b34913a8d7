package window

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// UnknownError is a window in a topic or partition that does not exist, or behind the end
// of a log.
type UnknownError struct{ What string }

func (e *UnknownError) Error() string { return e.What }

// maxParallelLookups bounds the partitions of which records are read at a time.
const maxParallelLookups = 8

// Plan finds out which offsets the window has, and what else an operator must know before
// a replay. It changes nothing.
func (r *Replayer) Plan(ctx context.Context, w Window, l Limits) (*Plan, error) {
	plan := &Plan{Partitions: []Partition{}, Notes: []string{}, Filter: l.Filter.String(), Rate: l.Rate, Rules: r.deps.InForce,
		job: job.Plan{Filter: l.Filter, Rate: l.Rate, MaxErrors: l.MaxErrors}}
	planned := r.deps.Progress.Count("look up the window in Kafka", "topics", uint64(len(w.Topics)))
	for _, name := range w.Topics {
		if err := r.planTopic(ctx, plan, w, name); err != nil {
			return nil, err
		}
		planned.Add(1)
	}
	plan.explain(w, r.deps.Kafka.Group, r.deps.Now())
	return plan, nil
}

func (r *Replayer) planTopic(ctx context.Context, plan *Plan, w Window, name string) error {
	topic, err := kafkalog.Open(ctx, r.deps.Kafka, name, r.deps.Timeout, r.deps.Log)
	if errors.Is(err, consumer.ErrTopicMissing) {
		return &UnknownError{fmt.Sprintf("topic %s does not exist; check --topic and kafka.topics", name)}
	}
	if err != nil {
		return err
	}
	defer topic.Close()
	// A consumer may be running. In this order the ledger is not behind the committed
	// offset and not past the end of the log, only because time has passed.
	all, err := topic.Offsets(ctx)
	if err != nil {
		return err
	}
	for _, p := range w.named() {
		if p < 0 || int(p) >= len(all) {
			return &UnknownError{fmt.Sprintf("topic %s has no partition %d; it has the partitions 0 to %d", name, p, len(all)-1)}
		}
	}
	all = slices.DeleteFunc(all, func(a consumer.Assignment) bool { return !w.selects(a.Partition) })
	numbers := make([]int32, len(all))
	for i, a := range all {
		numbers[i] = a.Partition
	}
	known, err := r.deps.Writer.Positions(ctx, name, numbers)
	if err != nil {
		return err
	}
	if err := topic.RefreshAll(ctx, all); err != nil {
		return err
	}
	starts, ends, err := bounds(ctx, topic, w, all)
	if err != nil {
		return err
	}
	found := make([]Partition, len(all))
	tasks, ctx := errgroup.WithContext(ctx)
	tasks.SetLimit(maxParallelLookups)
	for i, a := range all {
		tasks.Go(func() (err error) {
			found[i], err = r.planPartition(ctx, topic, w, a, known[a.Partition], starts[i], ends[i])
			return err
		})
	}
	if err := tasks.Wait(); err != nil {
		return err
	}
	for _, one := range found {
		plan.add(one)
	}
	return nil
}

// bounds are the offsets of the window in each partition, before they are limited to the
// log. -1 is the end of the log.
func bounds(ctx context.Context, topic *kafkalog.Topic, w Window, all []consumer.Assignment) (starts, ends []int64, err error) {
	ends = slices.Repeat([]int64{-1}, len(all))
	if w.byTime() {
		if starts, err = topic.OffsetsForTime(ctx, w.From, all); err == nil && !w.To.IsZero() {
			ends, err = topic.OffsetsForTime(ctx, w.To, all)
		}
		return starts, ends, err
	}
	starts = make([]int64, len(all))
	for i, a := range all {
		starts[i] = w.Starts[a.Partition]
		if end, limited := w.Ends[a.Partition]; limited {
			ends[i] = end
		}
	}
	return starts, ends, nil
}

// planPartition limits the window to what the log of a partition has, and describes it.
func (r *Replayer) planPartition(ctx context.Context, topic *kafkalog.Topic, w Window, a consumer.Assignment, known sink.Position, start, end int64) (Partition, error) {
	p := Partition{Topic: a.Topic, Epoch: known.Epoch, Partition: a.Partition, LogStart: a.LogStart, LogEnd: a.HighWatermark, LastStable: a.LastStable}
	recreated, err := topic.Recreated(ctx, a.Partition, a.LogStart, a.HighWatermark, known)
	if err != nil {
		return p, err
	}
	if recreated {
		return p, fmt.Errorf("%s was recreated, or its log truncated, since the tables were written: its offsets are other messages now; "+
			"let pianola run accept it first (consumer.on_data_loss=continue)", p.name())
	}
	if !w.byTime() && start > p.LogEnd {
		return p, &UnknownError{fmt.Sprintf("%s: offset %d of --from-offsets is past the end of the log (%d)", p.name(), start, p.LogEnd)}
	}
	wanted := p.LogEnd // by the window, before transactions
	if end >= 0 {
		wanted = min(end, p.LogEnd)
		p.pastEnd = end > p.LogEnd
	}
	if start < 0 { // no record of this time or later
		start = wanted
	}
	readable := p.LogEnd
	if r.deps.Kafka.Isolation == consumer.ReadCommitted {
		readable = p.LastStable
	}
	p.unstable = uint64(max(0, wanted-max(readable, start)))
	p.To = max(min(wanted, readable), p.LogStart)
	p.From = min(max(start, p.LogStart), p.To)
	p.NotConsumed = uint64(max(0, p.To-max(p.From, a.Committed))) // without an offset it is -1
	if !w.byTime() {
		p.Removed = uint64(max(0, min(wanted, p.LogStart)-start))
	}
	return p, r.describe(ctx, topic, w, &p)
}

// describe reads the first and the last record of a partition's window, and the first of
// its log: it shows whether Kafka can find records by their time.
func (r *Replayer) describe(ctx context.Context, topic *kafkalog.Topic, w Window, p *Partition) (err error) {
	if p.To > p.From {
		if p.First, _, err = timeAt(ctx, topic, p.Partition, p.From); err != nil {
			return err
		}
		if p.Last, err = lastTime(ctx, topic, p); err != nil {
			return err
		}
	}
	if !w.byTime() || p.LogStart == p.LogEnd {
		return nil
	}
	var oldest *time.Time
	if oldest, p.timeForm, err = timeAt(ctx, topic, p.Partition, p.LogStart); err != nil {
		return err
	}
	if p.LogStart > 0 && (oldest == nil || oldest.After(w.From)) {
		p.Removed, err = r.removedInTime(ctx, w, p)
	}
	return err
}

// timeAt is the timestamp of the record at an offset; nil where there is no record, or a
// record without one. form says what is unusual about it.
func timeAt(ctx context.Context, topic *kafkalog.Topic, partition int32, offset int64) (at *time.Time, form timeForm, err error) {
	f, found, err := topic.Fingerprint(ctx, partition, offset)
	if err != nil || !found {
		return nil, "", err
	}
	sent, rescaled := schemas.RecordTime(f.Timestamp)
	if sent == 0 {
		return nil, withoutTime, nil
	}
	if rescaled {
		form = otherUnit
	}
	t := time.UnixMilli(int64(sent)).UTC()
	return &t, form, nil
}

// maxMarkers is how many offsets without a record may be at the end of a window: each
// transaction ends with a marker.
const maxMarkers = 3

// lastTime is the timestamp of the last record.
func lastTime(ctx context.Context, topic *kafkalog.Topic, p *Partition) (*time.Time, error) {
	for offset := p.To - 1; offset >= max(p.From, p.To-maxMarkers); offset-- {
		if at, _, err := timeAt(ctx, topic, p.Partition, offset); err != nil || at != nil {
			return at, err
		}
	}
	return nil, nil
}
