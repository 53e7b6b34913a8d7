package recordforms

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// fate says whether a record that is in the log was committed.
type fate int

const (
	fateCommitted fate = iota // every reader gets it
	fateAborted               // only readers of uncommitted records get it
)

// entry is a record that was given to a producer. The record has its offset once it is in
// the log.
type entry struct {
	outgoing
	fate     fate
	fleeting bool // compaction may remove it
	err      error
}

// ledger is what the publisher has written, by partition and offset.
type ledger struct {
	topic   string
	entries [harness.Partitions]map[int64]*entry
	ends    [harness.Partitions]int64 // behind the last record written
	keys    int                       // unique ones that were used
}

func newLedger(topic string) *ledger {
	l := &ledger{topic: topic}
	for p := range l.entries {
		l.entries[p] = map[int64]*entry{}
	}
	return l
}

func (l *ledger) add(entries []*entry, f fate) {
	for _, e := range entries {
		e.fate = f
		p, at := e.record.Partition, e.record.Offset
		l.entries[p][at] = e
		l.ends[p] = max(l.ends[p], at+1)
		if e.foreign == nil {
			e.record.Value, e.record.Headers, e.record.Key = nil, nil, nil // the world can make them again
		}
	}
}

// end is how many offsets have been written, in all partitions.
func (l *ledger) end() int64 {
	sum := int64(0)
	for _, end := range l.ends {
		sum += end
	}
	return sum
}

// laid compares a reading of the log with the ledger, and returns what lies where: what was
// read, and what compaction may have removed before that. aborted says that the reading has
// aborted records too.
func (l *ledger) laid(read []*kgo.Record, aborted bool) ([]world.LogRecord, error) {
	var all []world.LogRecord
	found := make(map[*entry]bool, len(read))
	for _, r := range read {
		e := l.entries[r.Partition][r.Offset]
		where := fmt.Sprintf("%s/%d/%d", l.topic, r.Partition, r.Offset)
		switch {
		case e == nil:
			return nil, fmt.Errorf("%w: %s was not published", harness.ErrLog, where)
		case e.fate == fateAborted && !aborted:
			return nil, fmt.Errorf("%w: %s was aborted", harness.ErrLog, where)
		case r.Attrs.TimestampType() == 0 && r.Timestamp.UnixMilli() != e.record.Timestamp.UnixMilli():
			return nil, fmt.Errorf("%w: %s has the timestamp %d, published was %d", harness.ErrLog, where, r.Timestamp.UnixMilli(), e.record.Timestamp.UnixMilli())
		}
		found[e] = true
		all = append(all, e.laid(r.Timestamp.UnixMilli(), false))
	}
	for p := range l.entries {
		for at, e := range l.entries[p] {
			if found[e] || e.fate == fateAborted && !aborted {
				continue
			}
			if !e.fleeting {
				return nil, fmt.Errorf("%w: %s/%d/%d is missing", harness.ErrLog, l.topic, p, at)
			}
			all = append(all, e.laid(e.record.Timestamp.UnixMilli(), true))
		}
	}
	return all, nil
}

func (e *entry) laid(stamp int64, gone bool) world.LogRecord {
	return world.LogRecord{
		Partition: e.record.Partition, Offset: e.record.Offset, Stamp: stamp, Message: e.message, Foreign: e.foreign, Compacted: gone,
	}
}

// awaitCleaner begins a new last segment in every partition, and waits until the cleaner
// has compacted all others. Then at most one filler is left in each partition.
func (f *publisher) awaitCleaner(ctx context.Context) error {
	var behind [harness.Partitions]int64
	err := f.everyPartition(ctx, "a new segment", func(p *producer, partition int32) (bool, error) {
		behind[partition] = f.ledger.ends[partition]
		p.add(ctx, f.newSegment(partition))
		return true, p.flush(ctx, f.ledger)
	})
	if err != nil {
		return err
	}
	ends, err := f.StableEnds(ctx)
	if err != nil {
		return err
	}
	return f.Until(ctx, "the cleaner", nil, func(ctx context.Context) (bool, error) {
		if compact := f.Env.Broker.Compact; compact != nil {
			compact()
		}
		reading, err := f.ReadLog(ctx, ends)
		if err != nil {
			return false, err
		}
		var fillers [harness.Partitions]int
		for _, r := range reading.Records {
			if e := f.ledger.entries[r.Partition][r.Offset]; e != nil && e.fleeting && r.Offset < behind[r.Partition] && string(r.Key) == "filler" {
				fillers[r.Partition]++
			}
		}
		for _, n := range fillers {
			if n > 1 {
				return false, nil
			}
		}
		f.Count("batches that compaction had emptied before", int(reading.Emptied))
		return true, nil
	})
}

// readUncommitted says whether the round's processes read what is not committed.
func (f *publisher) readUncommitted() bool {
	return f.Config.Kafka.Isolation == string(consumer.ReadUncommitted)
}

// finish calculates the truth from what the topic holds.
func (f *publisher) finish(ctx context.Context) error {
	return f.SetTruthFromLog(ctx, func(reading *harness.LogReading) ([]world.LogRecord, error) {
		laid, err := f.ledger.laid(reading.Records, f.readUncommitted())
		for _, l := range laid {
			if l.Compacted {
				f.Count("records that compaction took away", 1)
			}
		}
		for _, r := range reading.Records {
			if r.Attrs.TimestampType() == 1 {
				f.Count("timestamps of the broker", 1)
			}
		}
		f.Count("markers", reading.Markers)
		f.Count("batches that compaction has emptied", int(reading.Emptied))
		return laid, err
	})
}
