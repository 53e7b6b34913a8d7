package harness

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
)

// ErrLog says that the topic does not hold what was published. Then the broker, or the
// publisher, is at fault.
var ErrLog = errors.New("the log differs from what was published")

// LogReading is a topic as another client than Pianola's reads it.
type LogReading struct {
	Records []*kgo.Record // without control records
	Markers int           // control records
	Emptied int64         // batches that hold no record any more
}

// emptiedBatches counts them.
type emptiedBatches struct{ n atomic.Int64 }

// OnFetchBatchRead is called by the client's goroutines.
func (e *emptiedBatches) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	if m.NumRecords == 0 && m.CompressedBytes == 0 {
		e.n.Add(1)
	}
}

// ReadLog reads the topic from its start to ends, in the isolation of the round's
// processes.
func (r *Round) ReadLog(ctx context.Context, ends []int64) (*LogReading, error) {
	isolation := kgo.ReadCommitted()
	if r.Config.Kafka.Isolation == string(consumer.ReadUncommitted) {
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
		kgo.SeedBrokers(r.Env.Broker.Addr), kgo.FetchIsolationLevel(isolation), kgo.WithHooks(&emptied),
		// The last offset of a partition is a record's or a marker's. It shows that the
		// whole partition has been read.
		kgo.KeepControlRecords(),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.Topic: from}),
	)
	if err != nil {
		return nil, fmt.Errorf("read the log: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	reading := &LogReading{}
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
				reading.Markers++
			default:
				reading.Records = append(reading.Records, record)
			}
		})
	}
	reading.Emptied = emptied.n.Load()
	return reading, nil
}

// StableEnds is where the partitions end, once no transaction is open.
func (r *Round) StableEnds(ctx context.Context) ([]int64, error) {
	ends := make([]int64, r.World.Config().Partitions)
	err := r.Until(ctx, "the ends of all transactions", nil, func(ctx context.Context) (bool, error) {
		stable, err := r.Env.Admin.ListCommittedOffsets(ctx, r.Topic)
		if err := errors.Join(err, stable.Error()); err != nil {
			return false, fmt.Errorf("list the last stable offsets: %w", err)
		}
		all, err := r.Env.Admin.ListEndOffsets(ctx, r.Topic)
		if err := errors.Join(err, all.Error()); err != nil {
			return false, fmt.Errorf("list the end offsets: %w", err)
		}
		for p := range ends {
			at, _ := stable.Lookup(r.Topic, int32(p))
			end, _ := all.Lookup(r.Topic, int32(p))
			if at.Offset != end.Offset {
				return false, nil
			}
			ends[p] = end.Offset
		}
		return true, nil
	})
	return ends, err
}
