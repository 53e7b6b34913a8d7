package sandbox

import (
	"context"
	"fmt"

	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// Tell sends the world's messages to its topic and reports, now and then, how
// many have been told. What a kept data directory already holds of them is not
// sent again: a partition's end offset is how many of its messages are there,
// since the same seed tells the same messages in the same order.
func (s *Services) Tell(ctx context.Context, w *world.World, told func(int)) error {
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
			told(sent)
		}
		if there[m.Partition] > 0 {
			there[m.Partition]--
			continue
		}
		err := producer.Send(ctx, kafka.Record{Topic: topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time})
		if err != nil {
			return fmt.Errorf("tell the world: %w", err)
		}
	}
	if err := producer.Flush(ctx); err != nil {
		return fmt.Errorf("tell the world: %w", err)
	}
	told(sent)
	return nil
}
