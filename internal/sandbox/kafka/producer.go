package kafka

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ByKey as a partition selects the partition by the key, with the hash of Kafka's
// clients. Records without a key are distributed.
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

// Producer writes records with lz4 in large batches. Records that one goroutine sends to
// a partition keep their order. It is safe for concurrent use.
type Producer struct {
	client *kgo.Client

	mu    sync.Mutex
	first error // of any record since the last Flush
}

// NewProducer connects to the broker at addr. opts configure TLS or a login. The caller
// closes the producer.
func NewProducer(addr string, opts ...kgo.Opt) (*Producer, error) {
	client, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()),
		// The limit applies before compression. Messages above the contract's limit
		// must fit.
		kgo.ProducerBatchMaxBytes(4 << 20),
		kgo.MaxBufferedRecords(50_000),
		kgo.MaxBufferedBytes(64 << 20),
		// Full batches are faster than no delay for a year of messages.
		kgo.ProducerLinger(5 * time.Millisecond),
		kgo.RecordPartitioner(chosenOrByKey()),
	}, opts...)...)
	if err != nil {
		return nil, fmt.Errorf("create kafka producer: %w", err)
	}
	return &Producer{client: client}, nil
}

// Send buffers one record and returns, or waits while the buffers are full. The caller
// must not change key and value later. Send returns an earlier error, or that of ctx.
// Flush returns later errors.
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

// Flush waits for the acknowledgement of all records. It returns the first error since
// the last Flush.
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

// Close drops buffered records and closes the connections.
func (p *Producer) Close() { p.client.Close() }

// chosenOrByKey uses the partition of the record, or the hash of its key for ByKey.
func chosenOrByKey() kgo.Partitioner {
	byKey := kgo.StickyKeyPartitioner(nil)
	return kgo.BasicConsistentPartitioner(func(topic string) func(*kgo.Record, int) int {
		hashed := byKey.ForTopic(topic)
		return func(r *kgo.Record, n int) int {
			if r.Partition >= 0 {
				return int(r.Partition)
			}
			return hashed.Partition(r, n)
		}
	})
}
