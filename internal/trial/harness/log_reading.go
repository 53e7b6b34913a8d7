package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/world"
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
	ends := make([]int64, r.Partitions)
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

// numberHeader is the number of a record's message in the world, from 0. No consumer of
// the stream knows it.
const numberHeader = "number"

// TruthFromLog is a publisher for a broker that faults stop and start. It runs publish,
// and then calculates the truth from what the topic holds.
//
// A message that is sent again because its acknowledgement was lost may be in the log
// twice. The broker recognises such a repetition by what it knows of the producer. But
// when it opens its log it forgets producers whose last record is older than
// producer.id.expiration.ms, and the simulated year lies in the past. Two records of one
// message are two deliveries of one event, which the consumer has to deduplicate.
func (r *Round) TruthFromLog(publish func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := publish(ctx); err != nil {
			return err
		}
		return r.SetTruthFromLog(ctx, func(reading *LogReading) ([]world.LogRecord, error) {
			laid, repeated, err := numbered(reading.Records, r.World.Total())
			r.Count("messages told again", repeated)
			return laid, err
		})
	}
}

// SetTruthFromLog reads the whole topic, and calculates the truth from what lies where.
func (r *Round) SetTruthFromLog(ctx context.Context, lay func(*LogReading) ([]world.LogRecord, error)) error {
	ends, err := r.StableEnds(ctx)
	if err != nil {
		return err
	}
	reading, err := r.ReadLog(ctx, ends)
	if err != nil {
		return err
	}
	laid, err := lay(reading)
	if err != nil {
		return err
	}
	slices.SortFunc(laid, func(a, b world.LogRecord) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	truth, err := r.World.TruthOfLog(laid, ends)
	if err == nil {
		r.SetTruth(truth)
	}
	return err
}

// numbered returns where each message lies, and how many records are repetitions. A
// message without a record was lost by the broker: then there is no truth to compare with.
func numbered(records []*kgo.Record, total int) (laid []world.LogRecord, repeated int, err error) {
	found := make([]bool, total)
	for _, record := range records {
		n := -1
		for _, h := range record.Headers {
			if h.Key != numberHeader {
				continue
			}
			if n, err = strconv.Atoi(string(h.Value)); err != nil {
				return nil, 0, fmt.Errorf("%w: %d/%d: %w", ErrLog, record.Partition, record.Offset, err)
			}
		}
		if n < 0 || n >= total {
			return nil, 0, fmt.Errorf("%w: %d/%d was not published", ErrLog, record.Partition, record.Offset)
		}
		if found[n] {
			repeated++
		}
		found[n] = true
		laid = append(laid, world.LogRecord{Partition: record.Partition, Offset: record.Offset, Stamp: record.Timestamp.UnixMilli(), Message: n})
	}
	if n := slices.Index(found, false); n >= 0 {
		return nil, 0, fmt.Errorf("%w: message %d was acknowledged and is missing", ErrLog, n)
	}
	return laid, repeated, nil
}
