package sandbox

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// Publish sends the world's messages to its topic. It calls published now and then
// with the number of messages so far. Messages that a kept data directory already
// holds are not sent again: the same seed gives the same messages in the same
// order, so a partition's end offset is their number.
func (s *Services) Publish(ctx context.Context, w *world.World, published func(int)) error {
	producer, err := kafka.NewProducer(s.Kafka.Addr())
	if err != nil {
		return fmt.Errorf("connect the publisher to Kafka: %w", err)
	}
	defer producer.Close()

	topic := w.Config().Topic
	there := make([]int64, w.Config().Partitions)
	for p := range there {
		there[p] = s.Kafka.EndOffset(topic, int32(p))
	}
	sent := 0
	for m := range w.Messages() {
		if sent++; sent%1000 == 0 {
			published(sent)
		}
		if there[m.Partition] > 0 {
			there[m.Partition]--
			continue
		}
		err := producer.Send(ctx, kafka.Record{Topic: topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err != nil {
			return fmt.Errorf("publish the world: %w", err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		return fmt.Errorf("publish the world: %w", err)
	}
	published(sent)
	return nil
}
