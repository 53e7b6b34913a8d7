package consumer_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// startApacheKafka gives a broker for the length of a test.
func startApacheKafka(t *testing.T) []string {
	t.Helper()
	tier.Full(t, "starts Apache Kafka")
	tier.Needs(t, apachekafka.Available())
	// The first start fetches the broker.
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	broker, err := apachekafka.Start(ctx, apachekafka.Config{
		DataDir: t.TempDir(),
		Properties: map[string]string{
			"log.retention.ms":                "-1", // the tests' timestamps are old
			"log.cleaner.backoff.ms":          "100",
			"log.retention.check.interval.ms": "100",
			"log.cleaner.dedupe.buffer.size":  "2097152",
			"log.initial.task.delay.ms":       "100",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	})
	return broker.Brokers()
}

func createTopic(t *testing.T, brokers []string, topic string, partitions int32, configs map[string]*string) {
	t.Helper()
	admin := kadm.NewClient(newProducer(t, brokers))
	if _, err := admin.CreateTopic(testContext(t), partitions, 1, configs, topic); err != nil {
		t.Fatalf("create %s: %v", topic, err)
	}
}

// TestApacheKafka is what must be so with the broker that people run.
func TestApacheKafka(t *testing.T) {
	brokers := startApacheKafka(t)

	t.Run("transactions", func(t *testing.T) {
		createTopic(t, brokers, "transactions", 1, nil)
		transactions(t, brokers, "transactions")
	})

	t.Run("holes_of_compaction", func(t *testing.T) {
		compaction(t, brokers)
	})

	t.Run("foreign_members", func(t *testing.T) {
		createTopic(t, brokers, "foreign", 2, nil)
		foreignMembers(t, brokers, "foreign")
	})

	t.Run("group", func(t *testing.T) {
		createTopic(t, brokers, "group", 2, nil)
		p := newProducer(t, brokers)
		produce(t, p, "group", 0, numbered("event", 10)...)
		a := startMember(t, settings(brokers, "group"), consumer.Hooks{})
		alone := a.generation(2)
		if got := alone.Assignments[0]; got.Committed != -1 || got.HighWatermark != 10 || got.LastStable != 10 {
			t.Fatalf("got %+v", got)
		}
		b := startMember(t, settings(brokers, "group"), consumer.Hooks{})
		await(t, alone.ctx.Done())
		if err := alone.Commit(testContext(t), positions(alone, 6)); err != nil {
			t.Fatalf("commit before the rebalance completes: %v", err)
		}
		alone.give(nil)
		mine, theirs := a.generation(1), b.generation(1)
		if mine.Assignments[0].Committed != 6 || theirs.Assignments[0].Committed != 6 {
			t.Fatalf("got %+v and %+v", mine.Assignments, theirs.Assignments)
		}
		b.stop()
		theirs.give(nil)
		if err := await(t, b.done); err != nil {
			t.Fatal(err)
		}
		await(t, mine.ctx.Done())
		mine.give(nil)
		a.generation(2)
	})
}

// compaction reads a log whose middle the cleaner has taken, and then one whose
// records are gone but for the last.
func compaction(t *testing.T, brokers []string) {
	str := func(s string) *string { return &s }
	createTopic(t, brokers, "compacted", 1, map[string]*string{
		"cleanup.policy":            str("compact"),
		"segment.ms":                str("100"),
		"min.cleanable.dirty.ratio": str("0.01"),
		"max.compaction.lag.ms":     str("100"),
	})
	p := newProducer(t, brokers, kgo.ProducerBatchCompression(kgo.SnappyCompression()))
	n := 0
	write := func(key string) {
		r := &kgo.Record{Topic: "compacted", Key: []byte(key), Value: []byte(strconv.Itoa(n))}
		if err := p.ProduceSync(testContext(t), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		n++
	}
	write("first")
	for i := range 20 {
		write(fmt.Sprintf("again-%d", i%2))
	}
	c := newConsumer(t, settings(brokers, "compacted"), consumer.Hooks{})
	var all []got
	waitFor(t, func() bool {
		// Each write may roll the segment, and so lets the cleaner at the last.
		write("tick")
		r := c.NewReader("compacted", 0, 0)
		defer r.Close()
		all = readUntil(t, r, int64(n))
		return len(all) < 10
	})
	if all[0].value != "0" || !slices.ContainsFunc(all, func(g got) bool { return g.value == "20" }) {
		t.Fatalf("got %v", all)
	}
	for _, g := range all {
		if g.value != strconv.FormatInt(g.offset, 10) {
			t.Fatalf("offset %d holds %q", g.offset, g.value)
		}
	}
	// From inside the hole the next record that is left comes.
	r := c.NewReader("compacted", 0, 5)
	defer r.Close()
	if rest := readUntil(t, r, int64(n)); len(rest) == 0 || rest[0].offset < 5 {
		t.Fatalf("from inside the hole: %v", rest)
	}
	if _, found, err := c.FingerprintAt(testContext(t), "compacted", 0, 5); found || err != nil {
		t.Fatalf("a record that was compacted away: %v, %v", found, err)
	}
}
