package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/internal/bench/process"
	"github.com/pianola/pianola/internal/sandbox/apachekafka"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/wait"
)

// Kafka says which broker a lab has.
type Kafka string

// The two brokers. Both are processes of their own.
const (
	Embedded Kafka = "embedded" // kfake
	Apache   Kafka = "apache"   // Apache Kafka, which needs Java and Maven
)

// Broker is a running broker.
type Broker struct {
	Addr string
	PID  int

	admin *kadm.Client
	stop  func() error
}

// embeddedOptions are those of the role of the embedded broker.
type embeddedOptions struct {
	Addr, Dir string
}

// EmbeddedRole is the name of the role ServeEmbedded.
const EmbeddedRole = "kafka"

// ServeEmbedded is the role of the embedded broker.
func ServeEmbedded(ctx context.Context, options json.RawMessage) error {
	var o embeddedOptions
	if err := json.Unmarshal(options, &o); err != nil {
		return fmt.Errorf("read the options: %w", err)
	}
	b, err := kafka.Start(kafka.Config{Addr: o.Addr, DataDir: o.Dir})
	if err != nil {
		return err
	}
	defer b.Close()
	<-ctx.Done()
	return nil
}

func startBroker(ctx context.Context, kind Kafka, dir string) (*Broker, error) {
	b := &Broker{}
	alive := func() error { return nil }
	switch kind {
	case Apache:
		started, err := apachekafka.Start(ctx, apachekafka.Config{DataDir: dir, Properties: map[string]string{
			"log.retention.ms":  "-1", // the invented year lies in the past
			"message.max.bytes": fmt.Sprint(kafka.MaxMessageBytes),
			// For the same reason the broker would forget its idempotent producers.
			"producer.id.expiration.check.interval.ms": "2147483647",
		}})
		if err != nil {
			return nil, err
		}
		b.Addr, b.PID, b.stop = started.Brokers()[0], started.PID(), started.Stop
	case Embedded:
		addr, err := loopback.FreeAddr()
		if err != nil {
			return nil, err
		}
		p, err := process.StartRole(dir, "kafka", EmbeddedRole, embeddedOptions{Addr: addr, Dir: filepath.Join(dir, "kafka")})
		if err != nil {
			return nil, err
		}
		b.Addr, b.PID, b.stop, alive = addr, p.PID(), p.Stop, p.Alive
	default:
		return nil, fmt.Errorf("kafka %q is not one of embedded, apache", kind)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(b.Addr))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a kafka client: %w", err), b.stop())
	}
	b.admin = kadm.NewClient(client)
	bounded, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	err = wait.Until(bounded, 20*time.Millisecond, func() (bool, error) {
		if err := alive(); err != nil {
			return false, err
		}
		return client.Ping(bounded) == nil, nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("wait for kafka: %w", err), b.close())
	}
	return b, nil
}

func (b *Broker) close() error {
	b.admin.Close()
	return b.stop()
}

// Topic is a topic that holds a stream.
type Topic struct {
	Name     string
	Messages messages.Config
	Ends     map[int32]int64 // next offset, by partition
	Events   uint64          // identities of the messages that become rows
	Bytes    int64           // of all values
}

// CreateTopic makes an empty topic.
func (b *Broker) CreateTopic(ctx context.Context, name string, partitions int) error {
	if _, err := b.admin.CreateTopic(ctx, int32(partitions), 1, nil, name); err != nil {
		return fmt.Errorf("create topic %s: %w", name, err)
	}
	return nil
}

// DeleteTopic removes a topic and its messages.
func (b *Broker) DeleteTopic(ctx context.Context, name string) error {
	if _, err := b.admin.DeleteTopic(ctx, name); err != nil {
		return fmt.Errorf("delete topic %s: %w", name, err)
	}
	return nil
}

// Publish makes a topic and sends a stream to it, in large batches with lz4.
func (b *Broker) Publish(ctx context.Context, name string, stream *messages.Stream) (*Topic, error) {
	t := &Topic{Name: name, Messages: stream.Config(), Ends: map[int32]int64{}}
	if err := b.CreateTopic(ctx, name, t.Messages.Partitions); err != nil {
		return nil, err
	}
	producer, err := kafka.NewProducer(b.Addr)
	if err != nil {
		return nil, err
	}
	defer producer.Close()
	events := make(map[uint64]struct{}, t.Messages.Count)
	for m := range stream.All() {
		if err := producer.Send(ctx, kafka.Record{Topic: name, Partition: m.Partition, Key: m.Key, Value: m.Value, Time: m.Time}); err != nil {
			return nil, fmt.Errorf("publish the messages: %w", err)
		}
		t.Ends[m.Partition] = m.Offset + 1
		t.Bytes += int64(len(m.Value))
		if m.Stored {
			events[m.Event] = struct{}{}
		}
	}
	t.Events = uint64(len(events))
	if err := producer.Flush(ctx); err != nil {
		return nil, fmt.Errorf("publish the messages: %w", err)
	}
	return t, nil
}

// Committed is the group's next offset by partition, for those that have one.
func (b *Broker) Committed(ctx context.Context, group, topic string) (map[int32]int64, error) {
	offsets, err := b.admin.FetchOffsets(ctx, group)
	if notYet(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the offsets of group %s: %w", group, err)
	}
	at := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.Topic == topic && o.At > 0 {
			at[o.Partition] = o.At
		}
	})
	return at, nil
}

// notYet reports whether an error passes by itself: a group exists from its first commit, and
// the first group of a broker waits for its coordinator.
func notYet(err error) bool {
	var answer *kerr.Error
	return errors.As(err, &answer) && (answer.Retriable || errors.Is(answer, kerr.GroupIDNotFound))
}

// Members is how many members of a group have partitions. It is 0 while the group
// rebalances.
func (b *Broker) Members(ctx context.Context, group string) (int, error) {
	groups, err := b.admin.DescribeGroups(ctx, group)
	if notYet(err) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("describe group %s: %w", group, err)
	}
	described := groups[group]
	if described.State != "Stable" {
		return 0, nil
	}
	n := 0
	for _, m := range described.Members {
		if a, ok := m.Assigned.AsConsumer(); ok && len(a.Topics) > 0 {
			n++
		}
	}
	return n, nil
}
