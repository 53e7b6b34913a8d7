package consumer_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/pianola/pianola/consumer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// patience bounds what a test waits for; nothing depends on how much sooner it
// comes.
const patience = 60 * time.Second

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func newCluster(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	opts = append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.GroupMinSessionTimeout(100 * time.Millisecond),
	}, opts...)
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		t.Fatalf("start kfake: %v", err)
	}
	t.Cleanup(cluster.Close)
	return cluster
}

// settings are quick ones, for a cluster in the same process.
func settings(brokers []string, topics ...string) consumer.Config {
	cfg := consumer.Defaults()
	cfg.Brokers, cfg.Topics, cfg.Group = brokers, topics, "test-group"
	cfg.SessionTimeout = 3 * time.Second
	cfg.HeartbeatInterval = 50 * time.Millisecond
	cfg.MetadataInterval = 50 * time.Millisecond
	cfg.FetchMaxWait = 50 * time.Millisecond
	return cfg
}

func newConsumer(t testing.TB, cfg consumer.Config, hooks consumer.Hooks) *consumer.Consumer {
	t.Helper()
	c, err := consumer.New(cfg, zaptest.NewLogger(t, zaptest.Level(zapLevel)), hooks)
	if err != nil {
		t.Fatalf("new consumer: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func newProducer(t testing.TB, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0),
	}, opts...)...)
	if err != nil {
		t.Fatalf("new producer: %v", err)
	}
	t.Cleanup(client.Close)
	return client
}

// produce writes values as one batch and waits until the broker has it.
func produce(t testing.TB, client *kgo.Client, topic string, partition int32, values ...string) {
	t.Helper()
	records := make([]*kgo.Record, len(values))
	for i, value := range values {
		records[i] = &kgo.Record{Topic: topic, Partition: partition, Value: []byte(value), Timestamp: stamp(value)}
	}
	if err := client.ProduceSync(testContext(t), records...).FirstErr(); err != nil {
		t.Fatalf("produce to %s/%d: %v", topic, partition, err)
	}
}

// stamp derives a timestamp from the value, so that a test notices a record whose
// timestamp belongs to another value.
func stamp(value string) time.Time {
	return time.UnixMilli(1_700_000_000_000 + int64(len(value)))
}

func numbered(prefix string, n int) []string {
	values := make([]string, n)
	for i := range values {
		values[i] = fmt.Sprintf("%s-%d", prefix, i)
	}
	return values
}

// got is a record that outlives its set.
type got struct {
	offset    int64
	timestamp int64
	value     string
}

// readUntil reads until the reader's position is at least end.
func readUntil(t testing.TB, r *consumer.Reader, end int64) []got {
	t.Helper()
	ctx := testContext(t)
	var all []got
	for r.Position() < end {
		start := r.Position()
		set, err := r.Next(ctx)
		if err != nil {
			t.Fatalf("next at %d: %v", r.Position(), err)
		}
		if set.StartOffset != start || set.NextOffset != r.Position() {
			t.Fatalf("set covers [%d, %d), the reader went from %d to %d", set.StartOffset, set.NextOffset, start, r.Position())
		}
		for _, rec := range set.Records {
			if rec.Offset < set.StartOffset || rec.Offset >= set.NextOffset {
				t.Fatalf("offset %d outside of [%d, %d)", rec.Offset, set.StartOffset, set.NextOffset)
			}
			all = append(all, got{rec.Offset, rec.Timestamp, string(rec.Value)})
		}
	}
	return all
}

func values(all []got) []string {
	out := make([]string, len(all))
	for i, g := range all {
		out[i] = g.value
	}
	return out
}

// ends gives the start and the end of partition 0 of a topic.
func ends(t testing.TB, brokers []string, topic string) (start, end int64) {
	t.Helper()
	admin := kadm.NewClient(newProducer(t, brokers))
	first, err := admin.ListStartOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	last, err := admin.ListEndOffsets(testContext(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	f, _ := first.Lookup(topic, 0)
	l, _ := last.Lookup(topic, 0)
	return f.Offset, l.Offset
}
