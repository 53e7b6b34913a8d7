package consumer_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestReader_Next(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	for name, codec := range codecs {
		t.Run("reads_every_record_compressed_with_"+name, func(t *testing.T) {
			cluster := newCluster(t, kfake.SeedTopics(1, "events"))
			p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(codec))
			want := append(numbered("event-of-some-length", 500), numbered("another", 300)...)
			produce(t, p, "events", 0, want[:500]...)
			produce(t, p, "events", 0, want[500:]...)

			r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
			defer r.Close()
			all := readUntil(t, r, 800)
			if !slices.Equal(values(all), want) {
				t.Fatalf("got %d records, want %d", len(all), len(want))
			}
			for i, g := range all {
				if g.offset != int64(i) || g.timestamp != stamp(g.value).UnixMilli() {
					t.Fatalf("record %d: offset %d, timestamp %d, want %d", i, g.offset, g.timestamp, stamp(g.value).UnixMilli())
				}
			}
		})
	}

	t.Run("begins_in_the_middle_of_a_batch", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 10)...)
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 7)
		defer r.Close()
		if all := readUntil(t, r, 10); len(all) != 3 || all[0].offset != 7 {
			t.Fatalf("got %v, want offsets 7 to 9", all)
		}
	})

	t.Run("gives_a_set_without_records_at_the_end", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 4)...)
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 4)
		defer r.Close()
		set, err := r.Next(testContext(t))
		if err != nil || len(set.Records) != 0 || set.NextOffset != 4 || set.Lag(consumer.ReadCommitted) != 0 {
			t.Fatalf("got %+v, %v", set, err)
		}
	})

	t.Run("hands_out_tombstones", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		p := newProducer(t, cluster.ListenAddrs())
		if err := p.ProduceSync(testContext(t), &kgo.Record{Topic: "events", Key: []byte("k")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		if all := readUntil(t, r, 1); len(all) != 1 || all[0].value != "" {
			t.Fatalf("got %v, want one record without value", all)
		}
	})

	t.Run("reads_a_batch_larger_than_the_limit", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		large := strings.Repeat("x", 200_000)
		produce(t, newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression())), "events", 0, large, "small")
		cfg := settings(cluster.ListenAddrs(), "events")
		cfg.FetchMaxBytes = 1024
		r := newConsumer(t, cfg, consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		if all := readUntil(t, r, 2); len(all) != 2 || all[0].value != large || all[1].value != "small" {
			t.Fatalf("got %d records", len(all))
		}
	})

	t.Run("gives_compressed_batches_in_bounded_sets", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.GzipCompression()))
		for range 20 {
			produce(t, p, "events", 0, strings.Repeat("z", 5_000))
		}
		cfg := settings(cluster.ListenAddrs(), "events")
		cfg.FetchMaxBytes = 10_000
		r := newConsumer(t, cfg, consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		for ctx := testContext(t); r.Position() < 20; {
			set, err := r.Next(ctx)
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for _, rec := range set.Records {
				size += len(rec.Value)
			}
			if size > 3*cfg.FetchMaxBytes {
				t.Fatalf("a set holds %d bytes, the limit is %d", size, cfg.FetchMaxBytes)
			}
		}
	})

	t.Run("ends_at_once_with_its_context", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		cfg := settings(cluster.ListenAddrs(), "events")
		cfg.FetchMaxWait = patience * 10
		hit := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Observe: true, Count: -1})
		r := newConsumer(t, cfg, consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		ctx, cancel := contextWithCancel(t)
		result := make(chan error, 1)
		go func() {
			_, err := r.Next(ctx)
			result <- err
		}()
		if err := hit.Wait(testContext(t), 1); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := await(t, result); !errors.Is(err, ctx.Err()) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestReader_Next_retries(t *testing.T) {
	tier.Full(t, "waits between attempts")
	for name, e := range map[string]*kerr.Error{
		"leader_moved": kerr.NotLeaderForPartition, "no_leader": kerr.LeaderNotAvailable,
		"fenced_epoch": kerr.FencedLeaderEpoch, "storage": kerr.KafkaStorageError,
		"unknown":              kerr.UnknownServerError,
		"offset_not_available": kerr.OffsetNotAvailable,
	} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, kfake.SeedTopics(1, "events"))
			produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 5)...)
			cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: e, Count: 2})
			var failed counter
			r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{
				OnFetchError: func(string, int32, consumer.ErrorKind) { failed.add() },
			}).NewReader("events", 0, 0)
			defer r.Close()
			if all := readUntil(t, r, 5); len(all) != 5 {
				t.Fatalf("got %d records, want 5", len(all))
			}
			if failed.get() != 2 {
				t.Fatalf("%d failures were reported, want 2", failed.get())
			}
		})
	}

	t.Run("a_topic_that_was_gone_is_told_once", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 5)...)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.UnknownTopicOrPartition, Count: 2})
		c := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		r := c.NewReader("events", 0, 0)
		defer r.Close()
		if _, err := r.Next(testContext(t)); !errors.Is(err, consumer.ErrTopicRecreated) || r.Position() != 0 {
			t.Fatalf("got %v at %d, want ErrTopicRecreated at 0", err, r.Position())
		}
		if all := readUntil(t, r, 5); len(all) != 5 {
			t.Fatalf("got %d records, want 5", len(all))
		}
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.UnknownTopicOrPartition, Count: 2})
		if at, found, err := c.FingerprintAt(testContext(t), "events", 0, 2); err != nil || !found || at.Timestamp != stamp("event-2").UnixMilli() {
			t.Fatalf("got %+v, %v, %v", at, found, err)
		}
	})

	t.Run("a_leader_that_really_moves", func(t *testing.T) {
		cluster := newCluster(t, kfake.NumBrokers(3), kfake.SeedTopics(1, "events"))
		p := newProducer(t, cluster.ListenAddrs())
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		for round := range int64(3) {
			produce(t, p, "events", 0, numbered("event", 5)...)
			if all := readUntil(t, r, 5*(round+1)); len(all) != 5 {
				t.Fatalf("round %d: got %d records, want 5", round, len(all))
			}
			next := (cluster.LeaderFor("events", 0) + 1) % 3
			if err := cluster.MoveTopicPartition("events", 0, next); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("a_refused_right_is_no_matter_for_retries", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		if _, err := r.Next(testContext(t)); !errors.Is(err, consumer.ErrNotAuthorized) {
			t.Fatalf("got %v", err)
		}
	})
}

func TestReader_Next_out_of_range(t *testing.T) {
	t.Run("names_what_the_broker_holds", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 10)...)
		if err := cluster.DeleteRecords("events", 0, 6); err != nil {
			t.Fatal(err)
		}
		c := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
		for _, at := range []int64{2, 11} {
			r := c.NewReader("events", 0, at)
			_, err := r.Next(testContext(t))
			var out *consumer.OffsetOutOfRangeError
			if !errors.As(err, &out) || !errors.Is(err, consumer.ErrOffsetOutOfRange) {
				t.Fatalf("at %d: got %v", at, err)
			}
			if want := (consumer.OffsetOutOfRangeError{Topic: "events", Offset: at, LogStart: 6, LogEnd: 10}); *out != want {
				t.Fatalf("got %+v, want %+v", *out, want)
			}
			if r.Position() != at {
				t.Fatalf("the position moved to %d", r.Position())
			}
			r.Close()
		}
	})

	t.Run("is_not_believed_of_a_leader_that_has_the_offset", func(t *testing.T) {
		cluster := newCluster(t, kfake.SeedTopics(1, "events"))
		produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, numbered("event", 3)...)
		cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: 1})
		r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
		defer r.Close()
		if all := readUntil(t, r, 3); len(all) != 3 {
			t.Fatalf("got %d records, want 3", len(all))
		}
	})
}

// TestReader_Next_recreated_between_fetches has a topic that was recreated, and filled
// beyond the position, between two fetches of its reader.
func TestReader_Next_recreated_between_fetches(t *testing.T) {
	for name, refilled := range map[string]bool{"another_topic": true, "the_same": false} {
		t.Run(name, func(t *testing.T) {
			cluster := newCluster(t, kfake.SeedTopics(1, "events"))
			p := newProducer(t, cluster.ListenAddrs())
			produce(t, p, "events", 0, numbered("event", 3)...)
			r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
			defer r.Close()
			readUntil(t, r, 3)
			if refilled {
				if err := cluster.DeleteTopic("events"); err != nil {
					t.Fatal(err)
				}
				if err := cluster.CreateTopic("events", 1, nil); err != nil {
					t.Fatal(err)
				}
				p = newProducer(t, cluster.ListenAddrs())
			}
			produce(t, p, "events", 0, numbered("another event", 5)...)
			r.LookedAway()
			set, err := r.Next(testContext(t))
			if refilled && (!errors.Is(err, consumer.ErrTopicRecreated) || r.Position() != 3) {
				t.Errorf("got %v at %d, want ErrTopicRecreated at 3", err, r.Position())
			}
			if !refilled && (err != nil || set.StartOffset != 3) {
				t.Errorf("got %+v, %v", set, err)
			}
		})
	}
}

func TestConsumer_FingerprintAt(t *testing.T) {
	cluster := newCluster(t, kfake.SeedTopics(1, "events"))
	produce(t, newProducer(t, cluster.ListenAddrs()), "events", 0, "a", "bb", "ccc")
	c := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{})
	for offset, want := range []string{"a", "bb", "ccc"} {
		at, found, err := c.FingerprintAt(testContext(t), "events", 0, int64(offset))
		if err != nil || !found || at.Timestamp != stamp(want).UnixMilli() || at.Payload != sha256.Sum256([]byte(want)) {
			t.Fatalf("at %d: got %+v, %v, %v", offset, at, found, err)
		}
	}
	for _, offset := range []int64{3, 4, 1000} {
		if _, found, err := c.FingerprintAt(testContext(t), "events", 0, offset); found || err != nil {
			t.Fatalf("at %d: got %v, %v, want nothing", offset, found, err)
		}
	}
	if err := cluster.DeleteRecords("events", 0, 1); err != nil {
		t.Fatal(err)
	}
	if _, found, err := c.FingerprintAt(testContext(t), "events", 0, 0); found || err != nil {
		t.Fatalf("before the log start: got %v, %v, want nothing", found, err)
	}
}

func TestReader_Next_corrupt(t *testing.T) {
	var f faults
	cluster := newCluster(t, f.listen(t), kfake.SeedTopics(1, "events"))
	p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for _, value := range []string{"good", "spoilt", "after"} {
		produce(t, p, "events", 0, value)
	}
	f.set(func(b []byte) ([]byte, bool) {
		return bytes.Replace(b, []byte("spoilt"), []byte("SPOILT"), 1), true
	})
	r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
	defer r.Close()
	if all := readUntil(t, r, 1); len(all) != 1 || all[0].value != "good" {
		t.Fatalf("got %v, want the batch before the corrupt one", all)
	}
	for range 2 {
		_, err := r.Next(testContext(t))
		var corrupt *consumer.CorruptError
		if !errors.As(err, &corrupt) || corrupt.Topic != "events" || corrupt.Offset != 1 {
			t.Fatalf("got %v, want a corrupt batch at events/0/1", err)
		}
		if !strings.Contains(err.Error(), "events/0/1") || !strings.Contains(err.Error(), "restore") {
			t.Errorf("%q does not say where it is, or what to do", err)
		}
		if r.Position() != 1 {
			t.Fatalf("the position moved to %d", r.Position())
		}
	}
	f.set(nil)
	if all := readUntil(t, r, 3); len(all) != 2 || all[0].value != "spoilt" {
		t.Fatalf("got %v once the damage was gone", all)
	}
}

// TestReader_Next_corrupt_behind_the_position: after a failure the last record is
// looked at again, and it may be that one which cannot be read any more.
func TestReader_Next_corrupt_behind_the_position(t *testing.T) {
	var f faults
	cluster := newCluster(t, f.listen(t), kfake.SeedTopics(1, "events"))
	p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	produce(t, p, "events", 0, "spoilt")
	r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
	defer r.Close()
	readUntil(t, r, 1)
	produce(t, p, "events", 0, "after")
	f.set(func(b []byte) ([]byte, bool) {
		return bytes.Replace(b, []byte("spoilt"), []byte("SPOILT"), 1), true
	})
	cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.NotLeaderForPartition})
	_, err := r.Next(testContext(t))
	var corrupt *consumer.CorruptError
	if !errors.As(err, &corrupt) || corrupt.Offset != 0 || r.Position() != 1 {
		t.Fatalf("got %v at %d, want a corrupt batch at events/0/0", err, r.Position())
	}
}

// TestReader_Next_transient_corruption: an answer corrupted on the way is fetched
// again, and the reader returns no error.
func TestReader_Next_transient_corruption(t *testing.T) {
	var f faults
	cluster := newCluster(t, f.listen(t), kfake.SeedTopics(1, "events"))
	p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	for _, value := range []string{"good", "spoilt", "after"} {
		produce(t, p, "events", 0, value)
	}
	var spoilt counter
	f.set(func(b []byte) ([]byte, bool) {
		if bytes.Contains(b, []byte("spoilt")) && spoilt.get() < 2 {
			spoilt.add()
			return bytes.Replace(b, []byte("spoilt"), []byte("SPOILT"), 1), true
		}
		return b, true
	})
	var kinds kindList
	r := newConsumer(t, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{
		OnFetchError: func(_ string, _ int32, kind consumer.ErrorKind) { kinds.add(kind) },
	}).NewReader("events", 0, 1)
	defer r.Close()
	if all := readUntil(t, r, 3); len(all) != 2 || all[0].value != "spoilt" {
		t.Fatalf("got %v", all)
	}
	if spoilt.get() != 2 || len(kinds.list()) != 2 || !kinds.has(consumer.KindCorrupt) {
		t.Errorf("%d answers were corrupted and %v reported, want 2 and both as %s", spoilt.get(), kinds.list(), consumer.KindCorrupt)
	}
}

func TestReader_Next_survives_connections_cut_in_the_middle(t *testing.T) {
	var f faults
	cluster := newCluster(t, f.listen(t), kfake.SeedTopics(1, "events"))
	p := newProducer(t, cluster.ListenAddrs(), kgo.ProducerBatchCompression(kgo.NoCompression()))
	want := numbered("event-of-some-length", 1000)
	for i := 0; i < len(want); i += 100 {
		produce(t, p, "events", 0, want[i:i+100]...)
	}
	var cuts counter
	f.set(func(b []byte) ([]byte, bool) {
		if len(b) > 2000 && cuts.get() < 3 {
			cuts.add()
			return b[:len(b)/2], false
		}
		return b, true
	})
	cfg := settings(cluster.ListenAddrs(), "events")
	cfg.FetchMaxBytes = 8 << 10
	r := newConsumer(t, cfg, consumer.Hooks{}).NewReader("events", 0, 0)
	defer r.Close()
	if all := readUntil(t, r, 1000); !slices.Equal(values(all), want) {
		t.Fatalf("got %d records, want %d in order", len(all), len(want))
	}
	if cuts.get() != 3 {
		t.Fatalf("%d connections were cut, want 3", cuts.get())
	}
}
