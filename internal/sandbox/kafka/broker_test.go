package kafka_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

const topic = "piano.subscriber-events"

func start(t *testing.T, cfg kafka.Config) *kafka.Broker {
	t.Helper()
	b, err := kafka.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func produce(t *testing.T, b *kafka.Broker, records ...kafka.Record) {
	t.Helper()
	p, err := kafka.NewProducer(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	for _, r := range records {
		if err := p.Send(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// read reads n messages from the start of a partition, with another library than the
// writer's.
func read(t *testing.T, b *kafka.Broker, partition, n int) []kafkago.Message {
	t.Helper()
	r := kafkago.NewReader(kafkago.ReaderConfig{
		Brokers: []string{b.Addr()}, Topic: topic, Partition: partition, MaxBytes: 16 << 20,
		MaxWait: 100 * time.Millisecond, // what Close has to wait for
	})
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out []kafkago.Message
	for range n {
		m, err := r.ReadMessage(ctx)
		if err != nil {
			t.Fatalf("read message %d of partition %d: %v", len(out), partition, err)
		}
		out = append(out, m)
	}
	return out
}

func TestProducer_writes_what_kafka_go_reads(t *testing.T) {
	b := start(t, kafka.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir() + "/kafka", Topics: map[string]int{topic: 2}})
	at := time.Date(2025, 7, 1, 8, 30, 0, 123_000_000, time.UTC)
	large := strings.Repeat("x", 1<<20+1)
	produce(t, b,
		kafka.Record{Topic: topic, Partition: 1, Key: []byte("RC1"), Value: []byte("one"), Time: at},
		kafka.Record{Topic: topic, Partition: 1, Key: []byte("RC1"), Time: at.Add(-time.Hour)},
		kafka.Record{Topic: topic, Partition: 1, Value: []byte(large), Time: at.Add(time.Hour)},
	)
	got := read(t, b, 1, 3)
	for i, want := range []struct {
		key, value string
		at         time.Time
	}{{"RC1", "one", at}, {"RC1", "", at.Add(-time.Hour)}, {"", large, at.Add(time.Hour)}} {
		m := got[i]
		if string(m.Key) != want.key || string(m.Value) != want.value || !m.Time.Equal(want.at) || m.Offset != int64(i) {
			t.Errorf("message %d: key %q, %d bytes, time %s, offset %d; want key %q, %d bytes, time %s, offset %d",
				i, m.Key, len(m.Value), m.Time.UTC(), m.Offset, want.key, len(want.value), want.at, i)
		}
	}
	if end := b.EndOffset(topic, 0); end != 0 {
		t.Errorf("partition 0 has %d records, all named partition 1", end)
	}
}

func TestProducer_uses_the_hash_of_Kafka_clients(t *testing.T) {
	const partitions = 4
	b := start(t, kafka.Config{Addr: ":0", Topics: map[string]int{topic: partitions}})
	var records []kafka.Record
	want := map[int]int{}
	balancer := kafkago.Murmur2Balancer{Consistent: true}
	for i := range 200 {
		key := fmt.Appendf(nil, "RC%07d", i)
		records = append(records, kafka.Record{Topic: topic, Partition: kafka.ByKey, Key: key, Value: []byte("{}"), Time: time.UnixMilli(int64(i))})
		want[balancer.Balance(kafkago.Message{Key: key}, 0, 1, 2, 3)]++
	}
	produce(t, b, records...)
	for p := range partitions {
		if got := b.EndOffset(topic, int32(p)); got != int64(want[p]) || got == 0 {
			t.Errorf("partition %d has %d records, by the hash %d", p, got, want[p])
		}
	}
}

func TestStart_keeps_its_data(t *testing.T) {
	cfg := kafka.Config{Addr: "127.0.0.1:0", DataDir: t.TempDir() + "/kafka", Topics: map[string]int{topic: 1}}
	b := start(t, cfg)
	long := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC) // far beyond Kafka's default retention
	produce(t, b, kafka.Record{Topic: topic, Value: []byte("kept"), Time: long})
	b.Close()

	cfg.Topics["another"] = 3
	b = start(t, cfg)
	b.Cluster().ApplyRetention()
	if got := read(t, b, 0, 1); string(got[0].Value) != "kept" {
		t.Errorf("read %q after the restart", got[0].Value)
	}
	produce(t, b, kafka.Record{Topic: "another", Partition: 2, Value: []byte("new"), Time: long})
	if end := b.EndOffset("another", 2); end != 1 {
		t.Errorf("the topic added at the restart has %d records", end)
	}
}

func TestStart_advertises(t *testing.T) {
	b := start(t, kafka.Config{Addr: ":0", Advertise: "127.0.0.1:9", Topics: map[string]int{topic: 1}})
	if b.Addr() != "127.0.0.1:9" || b.ListenAddr() == b.Addr() {
		t.Errorf("the advertised address is %s, the listen address %s", b.Addr(), b.ListenAddr())
	}
	transport := &kafkago.Transport{}
	defer transport.CloseIdleConnections()
	client := kafkago.Client{Addr: kafkago.TCP(b.ListenAddr()), Transport: transport}
	metadata, err := client.Metadata(t.Context(), &kafkago.MetadataRequest{Topics: []string{topic}})
	if err != nil {
		t.Fatal(err)
	}
	if at := metadata.Brokers[0]; at.Host != "127.0.0.1" || at.Port != 9 {
		t.Errorf("the advertised address is %s:%d", at.Host, at.Port)
	}
	if end := b.EndOffset(topic, 0); end != 0 {
		t.Errorf("the topic ends at %d", end)
	}
}

func TestStart_refuses(t *testing.T) {
	dir := t.TempDir() + "/kafka"
	b := start(t, kafka.Config{Addr: "127.0.0.1:0", DataDir: dir, Topics: map[string]int{topic: 2}})
	cases := map[string]struct {
		cfg  kafka.Config
		want []string
	}{
		"a port in use, naming the flag":           {kafka.Config{Addr: b.Addr()}, []string{"in use", "--kafka"}},
		"a directory in use, naming the flag":      {kafka.Config{Addr: ":0", DataDir: dir}, []string{"another sandbox", "--data"}},
		"an advertised address without a port":     {kafka.Config{Addr: ":0", Advertise: "proxy"}, []string{"advertised"}},
		"an address beyond loopback":               {kafka.Config{Addr: "0.0.0.0:9092"}, []string{"loopback"}},
		"an address without a port":                {kafka.Config{Addr: "127.0.0.1"}, []string{"host:port"}},
		"every mistake at once":                    {kafka.Config{Addr: "x", Topics: map[string]int{"a": 0, "": 1}}, []string{"host:port", "at least 1", "empty"}},
		"a port that is no number":                 {kafka.Config{Addr: "127.0.0.1:kafka"}, []string{"port is not a number"}},
		"a topic without partitions in the config": {kafka.Config{Addr: ":0", Topics: map[string]int{"a": -1}}, []string{`topic "a"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b, err := kafka.Start(c.cfg)
			if err == nil {
				b.Close()
				t.Fatal("started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
	t.Run("another number of partitions", func(t *testing.T) {
		b.Close()
		b, err := kafka.Start(kafka.Config{Addr: ":0", DataDir: dir, Topics: map[string]int{topic: 3}})
		if err == nil {
			b.Close()
			t.Fatal("started")
		}
		if !strings.Contains(err.Error(), "2 partitions") {
			t.Errorf("error %q does not say how many there are", err)
		}
	})
}

func TestProducer_Flush_reports_a_missing_topic(t *testing.T) {
	b := start(t, kafka.Config{Addr: ":0", Topics: map[string]int{topic: 1}})
	p, err := kafka.NewProducer(b.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := p.Send(t.Context(), kafka.Record{Topic: "nowhere", Value: []byte("{}"), Time: time.UnixMilli(1)}); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("Flush gave %v", err)
	}
}
