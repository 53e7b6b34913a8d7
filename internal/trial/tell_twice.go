package trial

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// numberHeader says which message of the world a record is, from 0. No consumer of
// the stream knows of it.
const numberHeader = "number"

// orTwice tells the world to a broker that may come and go, and works out the truth
// from what lies in the topic in the end.
//
// What is sent again after an answer that did not come may be there twice: a broker
// tells it by what it knows of its producer, and when it opens its log it forgets the
// producers whose last record is older than producer.id.expiration.ms. A simulated
// year lies in the past, so it forgets all of them. Two records of one message are
// two deliveries of one event, which is the consumer's to get over.
func orTwice(tell func(context.Context, *round) error) func(context.Context, *round) error {
	return func(ctx context.Context, r *round) error {
		if err := tell(ctx, r); err != nil {
			return err
		}
		return r.readTruth(ctx)
	}
}

// readTruth makes what lies in the topic the truth, now that all has been told.
func (r *round) readTruth(ctx context.Context) error {
	ends, err := r.stable(ctx)
	if err != nil {
		return err
	}
	reading, err := r.readLog(ctx, ends)
	if err != nil {
		return err
	}
	laid, again, err := numbered(reading.records, r.world.Total())
	if err != nil {
		return err
	}
	if again > 0 {
		r.told["messages told again"] += again
	}
	if r.truth, err = r.world.TruthOfLog(laid, ends); err != nil {
		return err
	}
	r.ends.Store(&ends)
	return nil
}

// numbered gives where each message lies, and how many records are repetitions. A
// message that lies nowhere has been lost by the broker: then there is no truth to
// hold anything against.
func numbered(records []*kgo.Record, total int) (laid []world.LogRecord, again int, err error) {
	there := make([]bool, total)
	for _, record := range records {
		n := -1
		for _, h := range record.Headers {
			if h.Key != numberHeader {
				continue
			}
			if n, err = strconv.Atoi(string(h.Value)); err != nil {
				return nil, 0, fmt.Errorf("%w: %d/%d: %w", errLog, record.Partition, record.Offset, err)
			}
		}
		if n < 0 || n >= total {
			return nil, 0, fmt.Errorf("%w: nobody has told %d/%d", errLog, record.Partition, record.Offset)
		}
		if there[n] {
			again++
		}
		there[n] = true
		laid = append(laid, world.LogRecord{Partition: record.Partition, Offset: record.Offset, Stamp: record.Timestamp.UnixMilli(), Message: n})
	}
	if n := slices.Index(there, false); n >= 0 {
		return nil, 0, fmt.Errorf("%w: message %d was acknowledged and is not there", errLog, n)
	}
	slices.SortFunc(laid, func(a, b world.LogRecord) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return laid, again, nil
}
