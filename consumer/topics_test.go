package consumer_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestConsumer_Run_topics(t *testing.T) {
	tier.Full(t, "waits for topics")
	t.Run("picks_up_new_partitions", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		h := m.generation(1)
		admin := kadm.NewClient(newProducer(t, cluster.ListenAddrs()))
		if _, err := admin.UpdatePartitions(testContext(t), 3, "events"); err != nil {
			t.Fatal(err)
		}
		await(t, h.ctx.Done())
		h.give(nil)
		m.generation(3)
	})

	t.Run("leaves_an_assignment_made_without_its_partitions", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		joins := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1})
		// What is asked after the first join is asked to assign from.
		unaware := cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.UnknownTopicOrPartition,
			When: func(kmsg.Request) bool { return joins.Hits() > 0 },
		})
		m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		h := await(t, m.gens)
		defer h.give(nil)
		if len(h.Assignments) != 1 {
			t.Fatalf("a generation of %d partitions was handed over", len(h.Assignments))
		}
		if unaware.Hits() != 1 {
			t.Fatal("the broker knew of the topic all the time")
		}
	})

	t.Run("waits_for_a_topic_and_creates_none", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"), kfake.AllowAutoTopicCreation())
		var kinds kindList
		m := startMember(t, settings(cluster.ListenAddrs(), "events", "late"), consumer.Hooks{OnGroupError: kinds.add})
		kinds.await(t, consumer.KindTopic, 2)
		if info := cluster.TopicInfo("late"); info != nil {
			t.Fatal("looking for the topic created it")
		}
		if err := cluster.CreateTopic("late", 2, nil); err != nil {
			t.Fatal(err)
		}
		m.generation(3)
	})

	t.Run("outlives_a_topic_that_goes_and_comes_back", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"), kfake.SeedTopics(2, "more"))
		var kinds kindList
		m := startMember(t, settings(cluster.ListenAddrs(), "events", "more"), consumer.Hooks{OnGroupError: kinds.add})
		h := m.generation(3)
		if err := cluster.DeleteTopic("more"); err != nil {
			t.Fatal(err)
		}
		await(t, h.ctx.Done())
		h.give(nil)
		kinds.await(t, consumer.KindTopic, 3)
		select {
		case h := <-m.gens:
			t.Fatalf("a generation of %d partitions while a topic is missing", len(h.Assignments))
		default:
		}
		if err := cluster.CreateTopic("more", 3, nil); err != nil {
			t.Fatal(err)
		}
		m.generation(4)
	})
}

// TestConsumer_Run_reads_everything has two members come and go while messages
// are read and committed: nothing is missed.
func TestConsumer_Run_reads_everything(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(3, "events"))
	p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	const each = 2000
	for partition := range int32(3) {
		for batch := range each / 100 {
			produce(t, p, "events", partition, numbered(fmt.Sprintf("p%d-b%d", partition, batch), 100)...)
		}
	}

	var mu sync.Mutex
	seen := make(map[string]bool)
	read := func(c *consumer.Consumer) consumer.Handler {
		return func(ctx context.Context, g *consumer.Generation) error {
			var wg sync.WaitGroup
			for _, a := range g.Assignments {
				wg.Go(func() {
					r := c.NewReader(a.Topic, a.Partition, max(a.Committed, a.LogStart))
					defer r.Close()
					for {
						select {
						case <-g.Draining():
							return
						default:
						}
						set, err := r.Next(ctx)
						if err != nil {
							return
						}
						mu.Lock()
						for _, rec := range set.Records {
							seen[fmt.Sprintf("%d/%d", a.Partition, rec.Offset)] = true
						}
						mu.Unlock()
						err = g.Commit(ctx, []consumer.Position{{Topic: a.Topic, Partition: a.Partition, Offset: set.NextOffset}})
						if err != nil {
							return
						}
					}
				})
			}
			wg.Wait()
			return nil
		}
	}
	var stops []context.CancelFunc
	var wg sync.WaitGroup
	start := func() {
		cfg := settings(cluster.ListenAddrs(), "events")
		cfg.FetchMaxBytes = 1024
		c := newConsumer(t, cfg, consumer.Hooks{})
		ctx, stop := context.WithCancel(context.Background())
		stops = append(stops, stop)
		wg.Go(func() {
			if err := c.Run(ctx, read(c)); err != nil {
				t.Errorf("run: %v", err)
			}
		})
	}
	start()
	start()
	if _, err := cluster.WaitGroupStable(testContext(t), "test-group", 2); err != nil {
		t.Error(err)
	}
	stops[0]()
	start()
	for partition := range int32(3) {
		admin := kadm.NewClient(newProducer(t, cluster.ListenAddrs()))
		waitFor(t, func() bool {
			offsets, err := admin.FetchOffsets(testContext(t), "test-group")
			if err != nil {
				return false
			}
			o, ok := offsets.Lookup("events", partition)
			return ok && o.At == each
		})
	}
	for _, stop := range stops {
		stop()
	}
	wg.Wait()
	if len(seen) != 3*each {
		t.Fatalf("%d messages were read, want %d", len(seen), 3*each)
	}
}
