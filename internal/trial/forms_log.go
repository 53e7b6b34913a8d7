package trial

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
)

// logReading is a partition log as another client than Pianola's reads it.
type logReading struct {
	records []*kgo.Record // without the markers
	markers int
	emptied int64 // batches in which nothing is left
}

// emptiedBatches counts them.
type emptiedBatches struct{ n atomic.Int64 }

// OnFetchBatchRead is called by the client's goroutines.
func (e *emptiedBatches) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	if m.NumRecords == 0 && m.CompressedBytes == 0 {
		e.n.Add(1)
	}
}

// readLog reads the topic from its start to ends.
func (r *round) readLog(ctx context.Context, ends []int64) (*logReading, error) {
	isolation := kgo.ReadCommitted()
	if r.cfg.Kafka.Isolation == string(consumer.ReadUncommitted) {
		isolation = kgo.ReadUncommitted()
	}
	var emptied emptiedBatches
	missing := 0
	from := map[int32]kgo.Offset{}
	for p, end := range ends {
		if end > 0 {
			from[int32(p)] = kgo.NewOffset().AtStart()
			missing++
		}
	}
	client, err := kgo.NewClient(
		kgo.SeedBrokers(r.stage.broker.addr), kgo.FetchIsolationLevel(isolation), kgo.WithHooks(&emptied),
		// The last offset of a partition is a record's or a marker's: so one sees
		// that all of it has been read.
		kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: from}),
	)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	reading := &logReading{}
	for missing > 0 {
		fetches := client.PollFetches(ctx)
		if err := errors.Join(fetches.Err(), ctx.Err()); err != nil {
			return nil, fmt.Errorf("read the log: %w", err)
		}
		fetches.EachRecord(func(record *kgo.Record) {
			end := ends[record.Partition]
			if record.Offset == end-1 {
				missing--
			}
			switch {
			case record.Offset >= end:
			case record.Attrs.IsControl():
				reading.markers++
			default:
				reading.records = append(reading.records, record)
			}
		})
	}
	reading.emptied = emptied.n.Load()
	return reading, nil
}

// stable gives where the partitions end, once no transaction is under way.
func (r *round) stable(ctx context.Context) ([]int64, error) {
	ends := make([]int64, partitions)
	err := r.until(ctx, "the ends of all transactions", nil, func(ctx context.Context) (bool, error) {
		stable, err := r.stage.admin.ListCommittedOffsets(ctx, r.topic)
		if err := errors.Join(err, stable.Error()); err != nil {
			return false, fmt.Errorf("ask for the last stable offsets: %w", err)
		}
		all, err := r.stage.admin.ListEndOffsets(ctx, r.topic)
		if err := errors.Join(err, all.Error()); err != nil {
			return false, fmt.Errorf("ask for the ends: %w", err)
		}
		for p := range ends {
			at, _ := stable.Lookup(r.topic, int32(p))
			end, _ := all.Lookup(r.topic, int32(p))
			if at.Offset != end.Offset {
				return false, nil
			}
			ends[p] = end.Offset
		}
		return true, nil
	})
	return ends, err
}

// standsAt says whether the ledger has come to an offset of a partition, exactly.
func (r *round) standsAt(ctx context.Context, partition int32, offset int64) (bool, error) {
	var next int64
	err := r.conn.QueryRow(ctx, `SELECT max(next_offset) FROM ingest_ledger WHERE source_name = $1 AND source_partition = $2`,
		r.topic, partition).Scan(&next)
	if err != nil {
		return false, fmt.Errorf("read the ledger: %w", err)
	}
	return next == offset, nil
}

// awaitCleaner begins a new last segment everywhere, and waits until the cleaner
// has been over all others: then one filler at most is left in each partition.
func (f *formTeller) awaitCleaner(ctx context.Context) error {
	var behind [partitions]int64
	err := f.everyPartition(ctx, "a new segment", func(p *formProducer, partition int32) (bool, error) {
		behind[partition] = f.book.ends[partition]
		p.add(ctx, f.newSegment(partition))
		return true, p.flush(ctx, f.book)
	})
	if err != nil {
		return err
	}
	ends, err := f.r.stable(ctx)
	if err != nil {
		return err
	}
	return f.r.until(ctx, "the cleaner", nil, func(ctx context.Context) (bool, error) {
		if compact := f.r.stage.broker.compact; compact != nil {
			compact()
		}
		reading, err := f.r.readLog(ctx, ends)
		if err != nil {
			return false, err
		}
		var fillers [partitions]int
		for _, r := range reading.records {
			if e := f.book.entries[r.Partition][r.Offset]; e != nil && e.fleeting && r.Offset < behind[r.Partition] && string(r.Key) == "filler" {
				fillers[r.Partition]++
			}
		}
		for _, n := range fillers {
			if n > 1 {
				return false, nil
			}
		}
		f.count("batches that compaction had emptied before", int(reading.emptied))
		return true, nil
	})
}

// finish works out the truth from what lies in the topic.
func (f *formTeller) finish(ctx context.Context) error {
	ends, err := f.r.stable(ctx)
	if err != nil {
		return err
	}
	reading, err := f.r.readLog(ctx, ends)
	if err != nil {
		return err
	}
	laid, err := f.book.laid(reading.records, f.r.cfg.Kafka.Isolation == string(consumer.ReadUncommitted))
	if err != nil {
		return err
	}
	gone := 0
	for i := range laid {
		if laid[i].Compacted {
			gone++
		}
	}
	for _, r := range reading.records {
		if r.Attrs.TimestampType() == 1 {
			f.count("timestamps of the broker", 1)
		}
	}
	for form, n := range f.batches.copied() {
		f.count(form, n)
	}
	f.count("markers", reading.markers)
	f.count("records that compaction took away", gone)
	f.count("batches that compaction has emptied", int(reading.emptied))
	if f.r.truth, err = f.r.world.TruthOfLog(laid, ends); err != nil {
		return err
	}
	f.r.ends.Store(&ends)
	return nil
}
