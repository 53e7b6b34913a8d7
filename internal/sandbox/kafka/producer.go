package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ByKey as a record's partition lets the key decide, by the hash that Kafka's
// own clients use; records without a key are spread.
const ByKey int32 = -1

// Record is one message to send.
type Record struct {
	Topic     string
	Partition int32 // or ByKey
	Key       []byte
	Value     []byte // empty is a tombstone
	// Time is the record's timestamp, kept in milliseconds.
	Time    time.Time
	Headers []kgo.RecordHeader
}

// Producer writes records with lz4 and large batches. Within a partition they
// keep the order in which one goroutine sent them. It is safe for concurrent
// use.
type Producer struct {
	client *kgo.Client

	mu    sync.Mutex
	first error // of any record since the last Flush
}

// NewProducer connects to the broker at addr; opts say how, where TLS or a login is
// asked for. The caller closes it.
func NewProducer(addr string, opts ...kgo.Opt) (*Producer, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		// The size counts before compression, and the contract's largest message
		// has to fit with room to be too large.
		kgo.ProducerBatchMaxBytes(4 << 20),
		kgo.MaxBufferedRecords(50_000),
		kgo.MaxBufferedBytes(64 << 20),
		// Full batches are worth five milliseconds to a producer that writes a
		// year at once.
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.RecordPartitioner(chosenOrByKey{kgo.StickyKeyPartitioner(nil)}),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("make kafka producer: %w", err)
	}
	return &Producer{client: client}, nil
}

// Send hands one record over and returns at once, or waits while the buffers
// are full. The producer keeps key and value until they are sent: the caller
// must not change them. What goes wrong later is told by Flush; what has gone
// wrong already, or the end of ctx, by Send itself.
func (p *Producer) Send(ctx context.Context, r Record) error {
	if err := p.firstError(); err != nil {
		return err
	}
	p.client.Produce(ctx, &kgo.Record{
		Topic: r.Topic, Partition: r.Partition, Key: r.Key, Value: r.Value, Timestamp: r.Time, Headers: r.Headers,
	}, p.sent)
	return ctx.Err()
}

func (p *Producer) sent(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.first == nil {
		p.first = fmt.Errorf("produce to %s/%d: %w", r.Topic, r.Partition, err)
	}
}

func (p *Producer) firstError() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first
}

// Flush waits until every record handed over is acknowledged and returns the
// first error of any since the last Flush.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("flush kafka producer: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.first
	p.first = nil
	return err
}

// Close drops what has not been flushed and ends the connections.
func (p *Producer) Close() { p.client.Close() }

// chosenOrByKey takes the partition that the record names, and asks the hash
// for the others.
type chosenOrByKey struct{ byKey kgo.Partitioner }

func (c chosenOrByKey) ForTopic(topic string) kgo.TopicPartitioner {
	return chosenOrByKeyTopic{c.byKey.ForTopic(topic)}
}

type chosenOrByKeyTopic struct{ kgo.TopicPartitioner }

func (c chosenOrByKeyTopic) RequiresConsistency(r *kgo.Record) bool {
	return r.Partition >= 0 || c.TopicPartitioner.RequiresConsistency(r)
}

func (c chosenOrByKeyTopic) Partition(r *kgo.Record, n int) int {
	if r.Partition >= 0 {
		return int(r.Partition)
	}
	return c.TopicPartitioner.Partition(r, n)
}
