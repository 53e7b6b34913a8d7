package pipeline

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/transform"
)

// A lane takes in at most this much while it holds its part, so that the
// flusher never waits long for it.
const (
	holdRows  = 1024
	holdBytes = 1 << 20
)

// fetchBudget bounds the fetch responses of all lanes together, which each keeps
// between two fetches; leastFetch is still worth a request.
const (
	fetchBudget = 32 << 20
	leastFetch  = 64 << 10
)

// lane is one assigned partition of one generation. Its goroutine fetches, runs
// the stages in place on borrowed bytes, and fills the part in its slot.
type lane struct {
	topic     string
	partition int32
	start     int64
	epoch     uint32
	readBelow int64

	slot  chan *part // holds the part unless someone is working on it
	spare *part      // the flusher's: what collect puts into the slot
}

func newLane(a consumer.Assignment, v verdict) *lane {
	l := &lane{topic: a.Topic, partition: a.Partition, start: v.start, epoch: v.epoch, readBelow: v.readBelow,
		slot: make(chan *part, 1), spare: newPart()}
	first := newPart()
	first.begin(l, v.start)
	l.slot <- first
	return l
}

// run fetches until the context ends (then nil) or the partition cannot be read.
// lanes is how many share the memory for fetching.
func (l *lane) run(ctx context.Context, f *Flow, g *gate, lanes int) error {
	reader := f.source.NewReader(l.topic, l.partition, l.start)
	reader.Limit(max(fetchBudget/lanes, leastFetch))
	defer reader.Close()
	worker := f.rules.NewWorker()
	beat := f.pulse.start(fmt.Sprintf("partition %s/%d", l.topic, l.partition))
	defer beat.stop()
	defer f.metrics.dropLag(l.topic, l.partition)

	for {
		beat.wait()
		set, err := reader.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, consumer.ErrOffsetOutOfRange) {
			// Retention has passed us while we read: the next assignment check
			// counts what is lost and knows what to do about it.
			f.log.Warn("the position is out of range", zap.String("topic", l.topic),
				zap.Int32("partition", l.partition), zap.Int64("offset", reader.Position()), zap.Error(err))
			return errRejoin
		}
		if errors.Is(err, consumer.ErrTopicBack) {
			// It may have been made anew, and grown beyond our position: only
			// the assignment check can tell.
			f.log.Warn("the topic was gone for a while", zap.Error(err))
			return errRejoin
		}
		if err != nil {
			return fmt.Errorf("read %s/%d: %w", l.topic, l.partition, err)
		}
		if err := l.fill(ctx, f, g, worker, set, beat); err != nil {
			return nil // only the context ends a wait for room
		}
		f.metrics.setLag(l.topic, l.partition, set.Lag(f.config.Isolation))
	}
}

// fill takes a record set in, a bounded hold at a time.
func (l *lane) fill(ctx context.Context, f *Flow, g *gate, worker *transform.Worker, set *consumer.RecordSet, beat *beat) error {
	for records, more := set.Records, true; more; {
		beat.wait()
		rows, bytes, err := g.reserve(ctx, holdRows, holdBytes)
		if err != nil {
			return err
		}
		beat.step()
		p := <-l.slot
		messages, before, moved := p.messages, p.bytes, p.Ledger.NextOffset
		records = p.hold(f.now(), worker, records, rows, bytes)
		if more = len(records) > 0; !more {
			// Markers and compacted offsets after the last record belong to the range.
			p.Ledger.NextOffset = max(p.Ledger.NextOffset, set.NextOffset)
		}
		usedRows, usedBytes := p.messages-messages, p.measure()-before
		progress := p.Ledger.NextOffset > moved
		l.slot <- p
		g.settle(rows, usedRows, bytes, usedBytes)
		if progress {
			g.touch()
		}
	}
	return nil
}
