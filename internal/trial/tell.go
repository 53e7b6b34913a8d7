package trial

import (
	"context"
	"fmt"
	"time"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// backlog is how far the publisher runs ahead of the ledger: enough that a
// process always has batches to fetch, little enough that the stream lasts as
// long as the faults do.
const backlog = 3000

// tellPlainly sends the world's messages, always a backlog ahead, to the last.
func tellPlainly(ctx context.Context, r *round) error {
	producer, err := kafka.NewProducer(r.stage.broker.addr)
	if err != nil {
		return fmt.Errorf("connect the publisher: %w", err)
	}
	defer producer.Close()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	sent, allowed := int64(0), int64(backlog)
	for m := range r.world.Messages() {
		for sent >= allowed {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return ctx.Err()
			}
			covered, err := r.covered(ctx)
			if err != nil {
				return err
			}
			allowed = covered + backlog
		}
		err := producer.Send(ctx, kafka.Record{Topic: r.topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
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
