package pipeline_test

import (
	"context"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/sink"
)

// BenchmarkFlow measures the whole way, the embedded broker and engine included
// and on the same cores: a topic that has been filled beforehand, from the first
// fetch to the last commit, with the default settings. Each iteration is a new
// group and a new database.
//
//	go test -run '^$' -bench Flow -benchtime 3x -count 3 ./internal/pipeline
func BenchmarkFlow(b *testing.B) {
	const partitions = 4
	c := world.Defaults()
	c.Subscribers, c.Partitions = 150_000, partitions
	c.Topic = services.Name()
	if err := services.Kafka.Cluster().CreateTopic(c.Topic, partitions, nil); err != nil {
		b.Fatal(err)
	}
	w, err := world.New(c)
	if err != nil {
		b.Fatal(err)
	}
	if err := services.Publish(b.Context(), w, func(int) {}); err != nil {
		b.Fatal(err)
	}
	var bytes int64
	for m := range w.Messages() {
		bytes += int64(len(m.Value))
	}
	for _, protocol := range []string{"native", "http"} {
		b.Run(protocol, func(b *testing.B) {
			b.SetBytes(bytes)
			round := 0
			for b.Loop() {
				b.StopTimer()
				round++
				ingestOnce(b, w, protocol, services.Name())
			}
			b.ReportMetric(float64(w.Total()*round)/b.Elapsed().Seconds(), "messages/s")
			b.ReportMetric(float64(bytes)/float64(w.Total()), "bytes/message")
			d := pipeline.Defaults()
			b.Logf("%d messages, %d partitions, batches of %d rows or %d MiB, lz4 to the broker and to ClickHouse, read_committed",
				w.Total(), partitions, d.MaxRows, d.MaxBytes>>20)
		})
	}
}

func ingestOnce(b *testing.B, w *world.World, protocol, name string) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	cfg := services.Configure(protocol, w.Config().Topic, name, w)
	cfg.Kafka.Group = name
	if err := sandbox.Migrate(ctx, cfg, zap.NewNop()); err != nil {
		b.Fatal(err)
	}
	// Joining the group takes the broker's time, not the flow's: the clock runs
	// from the first flush's fetch, which is when partitions are assigned.
	counted := &counting{want: uint64(w.Total()), done: cancel, began: b.StartTimer}
	flow, closeParts := newFlow(b, cfg, prometheus.NewRegistry(), func(next pipeline.Sink) pipeline.Sink {
		counted.Sink = next
		return counted
	})
	defer closeParts()
	err := flow.Run(ctx)
	b.StopTimer()
	if err != nil {
		b.Fatal(err)
	}
	if counted.messages != counted.want {
		b.Fatalf("%d messages flushed, want %d", counted.messages, counted.want)
	}
	conn, err := services.Analyst(name)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Exec(context.WithoutCancel(ctx), "DROP DATABASE "+name); err != nil {
		b.Fatal(err)
	}
	b.StartTimer()
}

// counting ends the flow when everything has been flushed.
type counting struct {
	pipeline.Sink
	began    func()
	messages uint64
	want     uint64
	done     func()
}

func (c *counting) Positions(ctx context.Context, topic string, partitions []int32) (map[int32]sink.Position, error) {
	c.began()
	return c.Sink.Positions(ctx, topic, partitions)
}

func (c *counting) Flush(ctx context.Context, batch *sink.Batch) (sink.FlushStats, error) {
	stats, err := c.Sink.Flush(ctx, batch)
	for _, p := range batch.Parts {
		c.messages += p.Ledger.Messages
	}
	if c.messages >= c.want {
		defer c.done()
	}
	return stats, err
}
