package harness

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

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
		ends, err := r.StableEnds(ctx)
		if err != nil {
			return err
		}
		reading, err := r.ReadLog(ctx, ends)
		if err != nil {
			return err
		}
		laid, repeated, err := numbered(reading.Records, r.World.Total())
		if err != nil {
			return err
		}
		r.Count("messages told again", repeated)
		truth, err := r.World.TruthOfLog(laid, ends)
		if err != nil {
			return err
		}
		r.SetTruth(truth)
		return nil
	}
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
	slices.SortFunc(laid, func(a, b world.LogRecord) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return laid, repeated, nil
}
