package deadletters

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Redriver redrives dead letters. It is not safe for concurrent use.
type Redriver struct {
	parts   Deps
	letters deadLetters
}

// Deps are the dependencies of a Redriver; all are required except Progress.
type Deps struct {
	// Kafka configures the connection. Its topics are not used: dead letters name their
	// own.
	Kafka consumer.Config
	// Timeout is how long Kafka may return nothing for a partition before its dead
	// letters are skipped.
	Timeout  time.Duration
	Rules    *transform.Rules
	Writer   *sink.Writer
	Conn     driver.Conn // to read dead letters
	Database string
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// New creates a Redriver. It does no I/O.
func New(parts Deps) *Redriver {
	parts.Log = parts.Log.Named("replay")
	return &Redriver{parts: parts, letters: deadLetters{parts.Conn, parts.Database}}
}

// Plan is what a redrive would read. Only the redrive finds out which records are still
// the same, and applies today's rules.
type Plan struct {
	selection Selection
	targets   []target
	rest      *tally    // of what will not be read
	gone      []offsets // where that is
}

// offsets are a range of one partition.
type offsets struct {
	partition
	first, last int64
	cause       kafkalog.Cause
}

// target is one partition to read, from the first offset to the last.
type target struct {
	partition
	first, last int64
	counts      *tally // dead letters planned, and those known to be gone
}

// Report returns the plan as a report.
func (p *Plan) Report() *Report {
	all := newTally()
	all.add(p.rest)
	for _, t := range p.targets {
		all.add(t.counts)
	}
	r := all.report()
	r.Complete = true
	return r
}

// Plan finds the dead letters of the selection, and from Kafka and the ledger which of
// them can be read. It changes nothing.
func (r *Redriver) Plan(ctx context.Context, s Selection) (*Plan, error) {
	r.parts.Progress.Report(progress.Step{Name: "look up open dead letters"})
	holdings, err := r.letters.holdings(ctx, s)
	if err != nil {
		return nil, err
	}
	plan := &Plan{selection: s, rest: newTally()}
	planned := r.parts.Progress.Count("look up topics in Kafka", "topics and files", 0)
	for len(holdings) > 0 {
		n := 1
		for n < len(holdings) && holdings[n].source == holdings[0].source && holdings[n].name == holdings[0].name {
			n++
		}
		if err := r.planTopic(ctx, plan, holdings[:n]); err != nil {
			return nil, err
		}
		planned.Add(1)
		holdings = holdings[n:]
	}
	return plan, nil
}

// planTopic plans the holdings of one topic or file, in the order of partitions.
func (r *Redriver) planTopic(ctx context.Context, plan *Plan, holdings []holding) error {
	name := holdings[0].name
	if holdings[0].source != schemas.SourceKafka {
		plan.addGone(holdings, kafkalog.NotKafka)
		return nil
	}
	topic, err := kafkalog.Open(ctx, r.parts.Kafka, name, r.parts.Timeout, r.parts.Log)
	if errors.Is(err, consumer.ErrTopicMissing) {
		plan.addGone(holdings, kafkalog.TopicMissing)
		return nil
	}
	if err != nil {
		return err
	}
	defer topic.Close()
	for len(holdings) > 0 {
		n := 1
		for n < len(holdings) && holdings[n].partition == holdings[0].partition {
			n++
		}
		if err := r.planPartition(ctx, plan, topic, holdings[:n]); err != nil {
			return fmt.Errorf("plan %s/%d: %w", name, holdings[0].index, err)
		}
		holdings = holdings[n:]
	}
	return nil
}

// planPartition reads the ledger before Kafka: a consumer may be running, and the log
// must not look shorter than what was read of it.
func (r *Redriver) planPartition(ctx context.Context, plan *Plan, topic *kafkalog.Topic, holdings []holding) error {
	p := holdings[0].partition
	positions, err := r.parts.Writer.Positions(ctx, p.name, []int32{p.index})
	if err != nil {
		return err
	}
	known := positions[p.index]
	if p.epoch != known.Epoch {
		plan.addGone(holdings, kafkalog.TopicRecreated)
		return nil
	}
	t := target{partition: p, first: holdings[0].first, last: holdings[0].last, counts: newTally()}
	for _, h := range holdings {
		t.first, t.last = min(t.first, h.first), max(t.last, h.last)
		t.counts.group(p.name, h.reason).Letters += h.count
	}
	start, end, recreated, err := r.logRange(ctx, topic, t, known)
	switch {
	case concernsPartition(err):
		r.skipPartition(p, err)
		plan.targets = append(plan.targets, t) // the redrive tries again
		return nil
	case err != nil:
		return err
	case recreated:
		plan.addGone(holdings, kafkalog.TopicRecreated)
		return nil
	}
	before, beyond, err := r.letters.outside(ctx, plan.selection, p, start, end)
	if err != nil {
		return err
	}
	for _, h := range holdings {
		t.counts.addGone(p.name, h.reason, kafkalog.Retention, min(before[h.reason], h.count))
		t.counts.addGone(p.name, h.reason, kafkalog.TopicRecreated, min(beyond[h.reason], h.count))
	}
	if t.first < start {
		plan.gone = append(plan.gone, offsets{p, t.first, min(t.last, start-1), kafkalog.Retention})
	}
	if t.last >= end {
		plan.gone = append(plan.gone, offsets{p, max(t.first, end), t.last, kafkalog.TopicRecreated})
	}
	if t.first, t.last = max(t.first, start), min(t.last, end-1); t.first > t.last {
		plan.rest.add(t.counts) // all are gone
		return nil
	}
	plan.targets = append(plan.targets, t)
	return nil
}

// logRange returns what the broker has of a partition, and whether the topic was
// recreated since the tables were written.
func (r *Redriver) logRange(ctx context.Context, topic *kafkalog.Topic, t target, known sink.Position) (start, end int64, recreated bool, err error) {
	if start, end, err = topic.Extent(ctx, t.index, t.first); err != nil {
		return 0, 0, false, err
	}
	recreated, err = topic.Recreated(ctx, t.index, start, end, known)
	return start, end, recreated, err
}

// concernsPartition reports whether an error concerns one partition alone, so that the
// others can continue.
func concernsPartition(err error) bool {
	return errors.Is(err, kafkalog.ErrTimeout) || errors.Is(err, consumer.ErrCorrupt)
}

func (r *Redriver) skipPartition(p partition, err error) {
	r.parts.Log.Warn("partition skipped, its dead letters stay open", zap.String("topic", p.name), zap.Int32("partition", p.index), zap.Error(err))
}

// addGone adds holdings that cannot be read.
func (p *Plan) addGone(holdings []holding, cause kafkalog.Cause) {
	for _, h := range holdings {
		p.rest.group(h.name, h.reason).Letters += h.count
		p.rest.addGone(h.name, h.reason, cause, h.count)
		if n := len(p.gone); n > 0 && p.gone[n-1].partition == h.partition {
			p.gone[n-1].first, p.gone[n-1].last = min(p.gone[n-1].first, h.first), max(p.gone[n-1].last, h.last)
			continue
		}
		p.gone = append(p.gone, offsets{h.partition, h.first, h.last, cause})
	}
}
