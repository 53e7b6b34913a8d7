package world_test

import (
	"testing"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

// TestMessages_fill_a_broker_to_the_truths_offsets: the truth counts offsets
// itself, so the broker must accept every message, including those above the limit.
func TestMessages_fill_a_broker_to_the_truths_offsets(t *testing.T) {
	w := build(t, 1, 2000)
	topic := w.Config().Topic
	broker, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir() + "/kafka", Topics: map[string]int{topic: w.Config().Partitions}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	producer, err := kafka.NewProducer(broker.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	largest := 0
	for m := range w.Messages() {
		largest = max(largest, len(m.Value))
		if err := producer.Send(t.Context(), kafka.Record{Topic: topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time}); err != nil {
			t.Fatal(err)
		}
	}
	if err := producer.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if largest <= 1<<20 {
		t.Errorf("the largest message has %d bytes: none is too large", largest)
	}
	for p, want := range w.Truth().Ends {
		if have := broker.EndOffset(topic, int32(p)); have != want || have == 0 {
			t.Errorf("partition %d ends at %d, the truth says %d", p, have, want)
		}
	}
}
