package recordforms

import (
	"context"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/trial/harness"
)

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
	ends, err := f.StableEnds(ctx)
	if err != nil {
		return err
	}
	reading, err := f.ReadLog(ctx, ends)
	if err != nil {
		return err
	}
	laid, err := f.ledger.laid(reading.Records, f.readUncommitted())
	if err != nil {
		return err
	}
	gone := 0
	for i := range laid {
		if laid[i].Compacted {
			gone++
		}
	}
	for _, r := range reading.Records {
		if r.Attrs.TimestampType() == 1 {
			f.Count("timestamps of the broker", 1)
		}
	}
	f.Count("markers", reading.Markers)
	f.Count("records that compaction took away", gone)
	f.Count("batches that compaction has emptied", int(reading.Emptied))
	truth, err := f.World.TruthOfLog(laid, ends)
	if err != nil {
		return err
	}
	f.SetTruth(truth)
	return nil
}
