package trial

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// backlog is how far the publisher runs ahead of the ledger: enough that a
// process always has batches to fetch, little enough that the stream lasts as
// long as the faults do.
const backlog = 3000

// ahead is the same in a world that is small itself: it takes several flushes.
func (r *round) ahead() int64 { return min(backlog, int64(r.world.Total()/4)) }

// tellPlainly sends the world's messages, always a backlog ahead, to the last.
func tellPlainly(ctx context.Context, r *round) error {
	allowed := r.ahead()
	return r.tellWhen(ctx, func(sent int64) (bool, error) {
		if sent < allowed {
			return true, nil
		}
		covered, err := r.covered(ctx)
		allowed = covered + r.ahead()
		return sent < allowed, err
	})
}

// tellAtOnce sends them as fast as it goes, and only then says where they end.
func tellAtOnce(ctx context.Context, r *round) error {
	if err := r.tellWhen(ctx, func(int64) (bool, error) { return true, nil }); err != nil {
		return err
	}
	r.ends.Store(&r.truth.Ends)
	return nil
}

// tellSteadily sends so many a second, whoever reads them, until the trial is over.
func tellSteadily(ctx context.Context, r *round) error {
	began := time.Now()
	return r.tellWhen(ctx, func(sent int64) (bool, error) {
		return r.hurryUp.Load() || sent < int64(time.Since(began).Seconds()*soakPace), nil
	})
}

// tellWhen sends each message once ready says that it may go, which is asked again
// and again.
func (r *round) tellWhen(ctx context.Context, ready func(sent int64) (bool, error)) error {
	producer, err := kafka.NewProducer(r.stage.broker.addr, r.stage.access...)
	if err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	defer producer.Close()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	sent := int64(0)
	for m := range r.world.Messages() {
		for {
			now, err := ready(sent)
			if err != nil {
				return err
			}
			if now {
				break
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		err := producer.Send(ctx, kafka.Record{Topic: r.topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time,
			Headers: []kgo.RecordHeader{{Key: numberHeader, Value: strconv.AppendInt(nil, sent, 10)}}})
		if err != nil {
			return fmt.Errorf("tell the world: %w", err)
		}
		sent++
	}
	if err := producer.Flush(ctx); err != nil {
		return fmt.Errorf("tell the world: %w", err)
	}
	return nil
}
