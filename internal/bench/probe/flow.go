// Package probe measures what a comparison of rates does not show: how late a row is
// ([Latency]), how fast a system starts, drains and recovers ([Lifecycle]), and how much
// memory it has at rest and at full speed ([Memory]).
//
// A [flow] publishes at a steady rate meanwhile.
package probe

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"github.com/pianola/pianola/internal/bench/lab"
	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/system"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/wait"
)

// flow publishes messages at a rate.
type flow struct {
	producer *kafka.Producer
	topic    string
	rate     int
	stream   *messages.Stream

	mu  sync.Mutex
	due [][]time.Time // when each message was due, by partition and offset
}

// newFlow makes a flow to an empty topic. Every message becomes a row. The caller closes it.
func newFlow(l *lab.Lab, topic *lab.Topic, rate int) (*flow, error) {
	stream, err := messages.New(topic.Messages)
	if err != nil {
		return nil, err
	}
	f := &flow{topic: topic.Name, rate: rate, stream: stream, due: make([][]time.Time, topic.Messages.Partitions)}
	f.producer, err = kafka.NewProducer(l.Broker.Addr)
	return f, err
}

func (f *flow) close() { f.producer.Close() }

// endless yields the stream again and again. Events that come again are redeliveries.
func (f *flow) endless(yield func(messages.Message) bool) {
	for {
		for m := range f.stream.All() {
			if !yield(m) {
				return
			}
		}
	}
}

// run publishes until ctx ends, and returns how many messages it has sent. A message is due
// at a fixed time. When the publisher is late, the delay counts: a publisher that waits for
// a slow system would hide it.
func (f *flow) run(ctx context.Context) (sent int, err error) {
	next, stop := iter.Pull(f.endless)
	defer stop()
	start := time.Now()
	for ctx.Err() == nil {
		for target := int(time.Since(start).Seconds() * float64(f.rate)); sent < target; sent++ {
			m, _ := next() // it never ends
			due := start.Add(time.Duration(float64(sent) / float64(f.rate) * float64(time.Second)))
			f.mu.Lock()
			f.due[m.Partition] = append(f.due[m.Partition], due)
			f.mu.Unlock()
			// What was sent before the end of ctx has to arrive.
			err := f.producer.Send(context.WithoutCancel(ctx), kafka.Record{Topic: f.topic, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: due})
			if err != nil {
				return sent, fmt.Errorf("publish: %w", err)
			}
		}
		_ = wait.For(ctx, time.Millisecond) // the end of ctx ends the loop
	}
	return sent, f.producer.Flush(context.WithoutCancel(ctx))
}

// take gives when the messages of a partition up to an offset were due, from those that
// were not taken before.
func (f *flow) take(partition int32, taken int, next int64) []time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.due[partition][taken:min(next, int64(len(f.due[partition])))]
}

// newRun makes an empty topic and the tables of a system. The caller drops the database.
func newRun(ctx context.Context, l *lab.Lab, s system.System, c messages.Config, settings map[string]string) (*system.Run, error) {
	name := l.Name("probe")
	if err := l.Broker.CreateTopic(ctx, name, c.Partitions); err != nil {
		return nil, err
	}
	r := &system.Run{
		Lab: l, Topic: &lab.Topic{Name: name, Messages: c}, Database: l.Database(name), Group: name, Settings: settings,
	}
	if err := s.SetUp(ctx, r); err != nil {
		return nil, fmt.Errorf("set up %s: %w", s.Name(), err)
	}
	return r, nil
}
