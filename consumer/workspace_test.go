package consumer_test

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/pianola/pianola/consumer"
)

// TestReader_Next_HeldSets: while the maximum number of sets is held, another
// reader waits. It continues when a set is released.
func TestReader_Next_HeldSets(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(3, "events"))
	producer := newProducer(t, cluster.ListenAddrs())
	for p := range int32(3) {
		produce(t, producer, "events", p, numbered("event", 5)...)
	}
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.HeldSets = 2
	fetched := make(chan int32, 100)
	c := newConsumer(t, cfg, consumer.Hooks{OnFetch: func(_ string, partition int32, _ int) { fetched <- partition }})
	var readers []*consumer.Reader
	for p := range int32(3) {
		r := c.NewReader("events", p, 0)
		defer r.Close()
		readers = append(readers, r)
	}
	for _, r := range readers[:2] {
		if set, err := r.Next(testContext(t)); err != nil || len(set.Records) != 5 {
			t.Fatalf("%+v, %v", set, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	waited := make(chan error, 1)
	go func() {
		_, err := readers[2].Next(ended)
		waited <- err
	}()
	for await(t, fetched) != 2 {
	}
	cancel() // decoding looks at no context, waiting does
	if err := await(t, waited); !errors.Is(err, context.Canceled) {
		t.Fatalf("a third set was given out: %v", err)
	}
	go func() {
		set, err := readers[2].Next(testContext(t))
		if err == nil && len(set.Records) != 5 {
			err = errors.New("records are missing")
		}
		waited <- err
	}()
	readers[0].Close()
	if err := await(t, waited); err != nil {
		t.Fatal(err)
	}
}
