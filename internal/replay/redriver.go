package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/progress"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
	"github.com/pianola/pianola/transform"
)

// Redriver redrives dead letters. One goroutine uses it.
type Redriver struct {
	parts   Parts
	letters letters
}

// Parts are what a Redriver is made of; all are needed.
type Parts struct {
	// Kafka says which cluster and how. Its topics are not looked at: dead
	// letters name their own.
	Kafka consumer.Config
	// Patience is how long Kafka may give nothing for a partition before its
	// dead letters are left for another time.
	Patience time.Duration
	Rules    *transform.Rules
	Writer   *sink.Writer
	Conn     driver.Conn // to read dead letters
	Database string
	Now      func() time.Time
	Log      *zap.Logger
	Progress progress.Func // may be nil
}

// Patience is the usual one: a broker that is replaced has elected leaders by
// then.
const Patience = 30 * time.Second

// New puts a Redriver together; it does no I/O.
func New(parts Parts) *Redriver {
	parts.Log = parts.Log.Named("replay")
	return &Redriver{parts: parts, letters: letters{parts.Conn, parts.Database}}
}

// Plan is what a redrive would read. Only a redrive itself can tell which
// records are still the same and what today's rules say about them.
type Plan struct {
	selection Selection
	targets   []target
	rest      *tally // of what is not to be read
}

// target is one partition that is to be read, from the first offset to the last.
type target struct {
	partition
	first, last int64
	counts      *tally // the letters planned, and those known to be gone
}

// Report is the plan for people.
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

// Plan finds the dead letters that the selection means and asks Kafka and the
// ledger which of them can be read. It changes nothing.
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

// planTopic plans the holdings of one topic or file, which come in the order of
// their partitions.
func (r *Redriver) planTopic(ctx context.Context, plan *Plan, holdings []holding) error {
	name := holdings[0].name
	if holdings[0].source != schemas.SourceKafka {
		plan.rest.lose(holdings, NotKafka)
		return nil
	}
	topic, err := openTopic(ctx, r.parts.Kafka, name, r.parts.Patience, r.parts.Log)
	if errors.Is(err, consumer.ErrTopicMissing) {
		plan.rest.lose(holdings, TopicMissing)
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

// planPartition asks the ledger before Kafka: a consumer may be running, and the
// log must not look shorter than what was read of it.
func (r *Redriver) planPartition(ctx context.Context, plan *Plan, topic *topic, holdings []holding) error {
	p := holdings[0].partition
	positions, err := r.parts.Writer.Positions(ctx, p.name, []int32{p.index})
	if err != nil {
		return err
	}
	known := positions[p.index]
	if p.epoch != known.Epoch {
		plan.rest.lose(holdings, TopicRecreated)
		return nil
	}
	t := target{partition: p, first: holdings[0].first, last: holdings[0].last, counts: newTally()}
	for _, h := range holdings {
		t.first, t.last = min(t.first, h.first), max(t.last, h.last)
		t.counts.group(p.name, h.reason).Letters += h.count
	}
	start, end, anew, err := r.look(ctx, topic, t, known)
	switch {
	case leavable(err):
		r.leave(p, err)
		plan.targets = append(plan.targets, t) // tried again when it is executed
		return nil
	case err != nil:
		return err
	case anew:
		plan.rest.lose(holdings, TopicRecreated)
		return nil
	}
	before, beyond, err := r.letters.outside(ctx, plan.selection, p, start, end)
	if err != nil {
		return err
	}
	for _, h := range holdings {
		t.counts.addGone(p.name, h.reason, Retention, min(before[h.reason], h.count))
		t.counts.addGone(p.name, h.reason, TopicRecreated, min(beyond[h.reason], h.count))
	}
	if t.first, t.last = max(t.first, start), min(t.last, end-1); t.first > t.last {
		plan.rest.add(t.counts) // all are gone
		return nil
	}
	plan.targets = append(plan.targets, t)
	return nil
}

// look asks what the broker holds of a partition, and whether it is the topic
// that the tables know.
func (r *Redriver) look(ctx context.Context, topic *topic, t target, known sink.Position) (start, end int64, anew bool, err error) {
	if start, end, err = topic.extent(ctx, t.index, t.first); err != nil {
		return 0, 0, false, err
	}
	anew, err = madeAnew(ctx, topic, t.index, start, end, known)
	return start, end, anew, err
}

// leavable says whether an error is about one partition, so that the others can
// go on.
func leavable(err error) bool {
	return errors.Is(err, errSilent) || errors.Is(err, consumer.ErrCorrupt)
}

func (r *Redriver) leave(p partition, err error) {
	r.parts.Log.Warn("partition left for another time", zap.String("topic", p.name), zap.Int32("partition", p.index), zap.Error(err))
}

// lose counts holdings none of which can be read.
func (t *tally) lose(holdings []holding, cause Cause) {
	for _, h := range holdings {
		t.group(h.name, h.reason).Letters += h.count
		t.addGone(h.name, h.reason, cause, h.count)
	}
}
