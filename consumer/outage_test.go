package consumer_test

import (
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// freePort gives a port for a broker that is to come back at the same address.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port)
	return n
}

func TestReader_Next_goes_on_when_the_broker_comes_back(t *testing.T) {
	tier.Full(t, "waits for a broker")
	port, dir := freePort(t), t.TempDir()
	start := func() *kfake.Cluster {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir), kfake.SeedTopics(1, "events"))
		if err != nil {
			t.Fatal(err)
		}
		return cluster
	}
	cluster := start()
	produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("before", 10)...)
	var kinds kindList
	cfg := settings(cluster.ListenAddrs(), "events")
	r := newConsumer(t, cfg, consumer.Hooks{
		OnFetchError: func(_ string, _ int32, kind consumer.ErrorKind) { kinds.add(kind) },
	}).NewReader("events", 0, 0)
	defer r.Close()
	readUntil(t, r, 10)

	cluster.Close()
	result := make(chan error, 1)
	ctx := testContext(t)
	go func() {
		for r.Position() < 20 {
			if _, err := r.Next(ctx); err != nil {
				result <- err
				return
			}
		}
		result <- nil
	}()
	kinds.await(t, consumer.KindNetwork, 2)
	if kinds.has(consumer.KindTopic) {
		t.Error("an unreachable broker was reported as a missing topic")
	}
	cluster = start()
	defer cluster.Close()
	produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("after", 10)...)
	if err := await(t, result); err != nil {
		t.Fatal(err)
	}
}

func TestReader_Next_asks_again_when_no_answer_comes(t *testing.T) {
	var f faults
	cluster := newCluster(t, f.listen(t), kfake.SeedTopics(1, "events"))
	want := numbered("event-of-some-length", 200)
	produce(t, newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression())), "events", 0, want...)
	var swallowed counter
	f.set(func(b []byte) ([]byte, bool) {
		if len(b) > 2000 && swallowed.get() < 2 {
			swallowed.add()
			return b[:100], true // the rest never comes, the connection stays
		}
		return b, true
	})
	var kinds kindList
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.RequestTimeout = 200 * time.Millisecond
	r := newConsumer(t, cfg, consumer.Hooks{
		OnFetchError: func(_ string, _ int32, kind consumer.ErrorKind) { kinds.add(kind) },
	}).NewReader("events", 0, 0)
	defer r.Close()
	if all := readUntil(t, r, 200); !slices.Equal(values(all), want) {
		t.Fatalf("got %d records, want %d in order", len(all), len(want))
	}
	if !kinds.has(consumer.KindTimeout) {
		t.Errorf("the failures were reported as %v, want %s", kinds.list(), consumer.KindTimeout)
	}
}

// TestConsumer_Run_leaves_a_join_that_hangs has the others hold the rebalance
// up for longer than the test waits.
func TestConsumer_Run_leaves_a_join_that_hangs(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "events"))
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.RebalanceTimeout, cfg.SessionTimeout = 4*patience, 4*patience
	slow := startMember(t, cfg, consumer.Hooks{})
	held := slow.generation(1)
	defer held.give(nil)

	joins := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, Observe: true, Count: -1})
	cfg.RequestTimeout = 200 * time.Millisecond
	waiting := startMember(t, cfg, consumer.Hooks{})
	if err := joins.Wait(testContext(t), 1); err != nil {
		t.Fatal(err)
	}
	waiting.stop()
	if err := await(t, waiting.done); err != nil {
		t.Fatalf("run: %v", err)
	}
}

func TestConsumer_Run_goes_on_when_the_broker_comes_back(t *testing.T) {
	tier.Full(t, "waits for a broker")
	port, dir := freePort(t), t.TempDir()
	start := func() *kfake.Cluster {
		cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.DataDir(dir),
			kfake.SeedTopics(1, "events"), kfake.GroupMinSessionTimeout(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		return cluster
	}
	cluster := start()
	var kinds kindList
	m := startMember(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{OnGroupError: kinds.add})
	h := m.generation(1)
	if err := h.Commit(testContext(t), positions(h, 4)); err != nil {
		t.Fatal(err)
	}
	cluster.Close()
	await(t, h.ctx.Done())
	if err := h.Commit(testContext(t), positions(h, 5)); err == nil {
		t.Fatal("a broker that is away took a commit")
	}
	h.give(nil)
	kinds.await(t, consumer.KindNetwork, 2)
	cluster = start()
	defer cluster.Close()
	if h = m.generation(1); h.Assignments[0].Committed != 4 {
		t.Fatalf("got %+v, want the committed offset 4", h.Assignments)
	}
	m.stop()
	h.give(nil)
	if err := await(t, m.done); err != nil {
		t.Fatal(err)
	}
}
