package consumer_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
)

// transactional is a producer whose transactions a test ends as it likes.
func transactional(t testing.TB, brokers []string, id string, codec kgo.CompressionCodec) *kgo.Client {
	t.Helper()
	return newProducer(t, brokers, kgo.TransactionalID(id), kgo.ProducerBatchCompression(codec))
}

// inTransaction writes each value as a batch of its own, and ends the
// transaction.
func inTransaction(t testing.TB, p *kgo.Client, commit bool, topic string, values ...string) {
	t.Helper()
	begin(t, p, topic, values...)
	end(t, p, commit)
}

func begin(t testing.TB, p *kgo.Client, topic string, values ...string) {
	t.Helper()
	if err := p.BeginTransaction(); err != nil {
		t.Fatalf("begin: %v", err)
	}
	for _, value := range values {
		produce(t, p, topic, 0, value)
	}
}

func end(t testing.TB, p *kgo.Client, commit bool) {
	t.Helper()
	if err := p.EndTransaction(testContext(t), kgo.TransactionEndTry(commit)); err != nil {
		t.Fatalf("end: %v", err)
	}
}

// transactions is what a broker must be able to do: the same against kfake and
// Apache Kafka. The topic has one partition and is empty.
func transactions(t *testing.T, brokers []string, topic string) {
	plain := newProducer(t, brokers)
	a := transactional(t, brokers, topic+"-a", kgo.NoCompression())
	b := transactional(t, brokers, topic+"-b", kgo.Lz4Compression())
	z := transactional(t, brokers, topic+"-z", kgo.ZstdCompression())

	// Two producers interleaved, one aborted, with plain records between.
	begin(t, a, topic, "aborted-1")
	begin(t, b, topic, "kept-1")
	produce(t, plain, topic, 0, "plain-1")
	begin(t, z, topic, "aborted-2")
	produce(t, a, topic, 0, "aborted-3")
	end(t, b, true)
	end(t, a, false)
	end(t, z, false)
	// The producer that aborted commits next: its later records count.
	inTransaction(t, a, true, topic, "kept-2", "kept-3")
	inTransaction(t, a, false, topic, "aborted-4")
	produce(t, plain, topic, 0, "plain-2")
	want := []string{"kept-1", "plain-1", "kept-2", "kept-3", "plain-2"}

	cfg := settings(brokers, topic)
	c := newConsumer(t, cfg, consumer.Hooks{})
	_, stable := ends(t, brokers, topic)
	for name, limit := range map[string]int{"in_one_fetch": 1 << 20, "batch_by_batch": 1 << 10} {
		t.Run("leaves_out_what_was_aborted_"+name, func(t *testing.T) {
			cfg := cfg
			cfg.FetchMaxBytes = limit
			r := newConsumer(t, cfg, consumer.Hooks{}).NewReader(topic, 0, 0)
			defer r.Close()
			if all := values(readUntil(t, r, stable)); !slices.Equal(all, want) {
				t.Fatalf("got %v, want %v", all, want)
			}
		})
	}
	t.Run("from_every_offset", func(t *testing.T) {
		r := c.NewReader(topic, 0, 0)
		all := readUntil(t, r, stable)
		r.Close()
		for at := range stable {
			r := c.NewReader(topic, 0, at)
			part := readUntil(t, r, stable)
			r.Close()
			from := slices.IndexFunc(all, func(g got) bool { return g.offset >= at })
			if want := all[max(from, 0):]; from >= 0 && !slices.Equal(part, want) {
				t.Fatalf("from %d: got %v, want %v", at, part, want)
			}
		}
	})
	t.Run("steps_over_a_marker_at_the_end", func(t *testing.T) {
		inTransaction(t, b, true, topic, "kept-4")
		_, stable := ends(t, brokers, topic)
		r := c.NewReader(topic, 0, stable-2)
		defer r.Close()
		if all := readUntil(t, r, stable); len(all) != 1 || all[0].value != "kept-4" {
			t.Fatalf("got %v", all)
		}
		set, err := r.Next(testContext(t))
		if err != nil || set.Lag(consumer.ReadCommitted) != 0 {
			t.Fatalf("lag %d at the end, %v", set.Lag(consumer.ReadCommitted), err)
		}
	})
	t.Run("waits_for_an_open_transaction", func(t *testing.T) {
		_, before := ends(t, brokers, topic)
		begin(t, a, topic, "open-1", "open-2")
		produce(t, plain, topic, 0, "behind")
		r := c.NewReader(topic, 0, before)
		defer r.Close()
		set, err := r.Next(testContext(t))
		if err != nil || len(set.Records) != 0 || set.NextOffset != before {
			t.Fatalf("got %+v, %v while the transaction is open", set, err)
		}
		if set.HighWatermark != before+3 || set.LastStable != before || set.Lag(consumer.ReadCommitted) != 0 || set.Lag(consumer.ReadUncommitted) != 3 {
			t.Fatalf("high watermark %d, last stable %d, from %d", set.HighWatermark, set.LastStable, before)
		}
		end(t, a, true)
		if all := values(readUntil(t, r, before+3)); !slices.Equal(all, []string{"open-1", "open-2", "behind"}) {
			t.Fatalf("got %v once it was committed", all)
		}
	})
	t.Run("reads_everything_but_markers_when_uncommitted", func(t *testing.T) {
		cfg := cfg
		cfg.Isolation = consumer.ReadUncommitted
		r := newConsumer(t, cfg, consumer.Hooks{}).NewReader(topic, 0, 0)
		defer r.Close()
		all := values(slices.DeleteFunc(readUntil(t, r, stable), func(g got) bool { return g.offset >= stable }))
		for n := range 4 {
			if !slices.Contains(all, fmt.Sprintf("aborted-%d", n+1)) {
				t.Fatalf("got %v", all)
			}
		}
		if len(all) != len(want)+4 {
			t.Fatalf("got %d records, want %d", len(all), len(want)+4)
		}
	})
}

func TestReader_Next_transactions(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "events"))
	transactions(t, cluster.ListenAddrs(), "events")
}
