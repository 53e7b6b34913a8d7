package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"

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

// TestReader_Next_fetchMemory: responses wait in the brokers while the readers hold
// as much as they may together. All of them are read in the end.
func TestReader_Next_fetchMemory(t *testing.T) {
	const partitions, size = 50, 900 << 10
	cluster := newCluster(t, kfake.SeedTopics(partitions, "events"))
	producer := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := strings.Repeat("v", size)
	for p := range int32(partitions) {
		produce(t, producer, "events", p, value)
	}
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.HeldSets = 1
	var fetched atomic.Int64
	c := newConsumer(t, cfg, consumer.Hooks{OnFetch: func(_ string, _ int32, bytes int) { fetched.Add(int64(bytes)) }})
	first := c.NewReader("events", 0, 0)
	defer first.Close()
	if set, err := first.Next(testContext(t)); err != nil || len(set.Records) != 1 {
		t.Fatalf("%+v, %v", set, err)
	}
	others, ctx := errgroup.WithContext(testContext(t))
	for p := range int32(partitions) {
		if p == 0 {
			continue
		}
		others.Go(func() error {
			r := c.NewReader("events", p, 0)
			defer r.Close()
			set, err := r.Next(ctx)
			if err == nil && (len(set.Records) != 1 || string(set.Records[0].Value) != value) {
				err = fmt.Errorf("partition %d: %d records", p, len(set.Records))
			}
			return err
		})
	}
	waitFor(t, func() bool { return c.FetchMemoryFull(1 << 20) })
	if held := fetched.Load(); held > consumer.FetchMemory {
		t.Errorf("%d bytes are held", held)
	}
	first.Close() // the others continue
	if err := others.Wait(); err != nil {
		t.Fatal(err)
	}
	if c.FetchMemoryFull(consumer.FetchMemory) {
		t.Error("not all memory came back")
	}
}

// TestReader_Next_cancelledWhileMemoryIsFull: a reader that is cancelled leaves no
// memory behind, wherever its request was.
func TestReader_Next_cancelledWhileMemoryIsFull(t *testing.T) {
	const partitions = 50
	cluster := newCluster(t, kfake.SeedTopics(partitions, "events"))
	producer := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for p := range int32(partitions) {
		produce(t, producer, "events", p, strings.Repeat("v", 900<<10))
	}
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.HeldSets = 1
	c := newConsumer(t, cfg, consumer.Hooks{})
	ctx, cancel := contextWithCancel(t)
	defer cancel()
	var readers errgroup.Group
	for p := range int32(partitions) {
		readers.Go(func() error {
			r := c.NewReader("events", p, 0)
			defer r.Close()
			if _, err := r.Next(ctx); err != nil {
				return nil // cancelled
			}
			<-ctx.Done() // one holds its set
			return nil
		})
	}
	waitFor(t, func() bool { return c.FetchMemoryFull(1 << 20) })
	cancel()
	_ = readers.Wait()
	waitFor(t, func() bool { return !c.FetchMemoryFull(consumer.FetchMemory) })
}

// TestReader_Next_largeBatches: only one reader at a time holds a batch that needs
// more than a piece.
func TestReader_Next_largeBatches(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(2, "events"))
	producer := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(32<<20))
	value := strings.Repeat("v", 10<<20)
	for p := range int32(2) {
		produce(t, producer, "events", p, value)
	}
	cfg := settings(cluster.ListenAddrs(), "events")
	fetched := make(chan int32, 100)
	c := newConsumer(t, cfg, consumer.Hooks{OnFetch: func(_ string, partition int32, _ int) { fetched <- partition }})
	first, second := c.NewReader("events", 0, 0), c.NewReader("events", 1, 0)
	defer first.Close()
	defer second.Close()
	if set, err := first.Next(testContext(t)); err != nil || len(set.Records) != 1 || string(set.Records[0].Value) != value {
		t.Fatalf("%v", err)
	}
	ended, cancel := contextWithCancel(t)
	waited := make(chan error, 1)
	go func() {
		_, err := second.Next(ended)
		waited <- err
	}()
	for await(t, fetched) != 1 {
	}
	cancel() // decoding looks at no context, waiting does
	if err := await(t, waited); !errors.Is(err, context.Canceled) {
		t.Fatalf("a second large batch was held: %v", err)
	}
	first.Close()
	if set, err := second.Next(testContext(t)); err != nil || len(set.Records) != 1 || string(set.Records[0].Value) != value {
		t.Fatalf("%v", err)
	}
}
