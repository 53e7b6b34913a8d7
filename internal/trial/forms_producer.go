package trial

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

var codecs = []struct {
	name  string
	codec kgo.CompressionCodec
}{
	{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()},
}

// formProducer writes batches of one codec. What it was given since the last flush
// becomes one batch for each partition.
type formProducer struct {
	client     *kgo.Client
	pending    []*entry // handed over, and not yet known to be committed
	count      func(form string, n int)
	compacting bool
}

// producer makes the next producer: one for each bout, for a compacted log keeps
// the last batch of a producer even when nothing is left in it.
func (f *formTeller) producer(transactional bool) (*formProducer, error) {
	f.clients++
	codec := codecs[f.decks.codecs.draw()]
	p := &formProducer{count: f.count, compacting: f.compacting}
	options := []kgo.Opt{
		kgo.SeedBrokers(f.r.stage.broker.addr),
		kgo.DefaultProduceTopic(f.r.topic),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(codec.codec),
		// The size counts before compression.
		kgo.ProducerBatchMaxBytes(kafka.MaxMessageBytes - 4096),
		kgo.MaxBufferedRecords(20_000),
		kgo.ManualFlushing(),
		kgo.WithHooks(f.batches),
	}
	if transactional {
		options = append(options,
			kgo.TransactionalID(fmt.Sprintf("%s-%d", f.r.topic, f.clients)),
			kgo.TransactionTimeout(5*time.Minute), // a transaction is ended by us, on the slowest machine
		)
	}
	var err error
	if p.client, err = kgo.NewClient(options...); err != nil {
		return nil, fmt.Errorf("make a producer: %w", err)
	}
	return p, nil
}

// close ends the producer. Nothing may be left to be sent.
func (p *formProducer) close() { p.client.Close() }

// add hands a record over.
func (p *formProducer) add(ctx context.Context, d dressed) {
	e := &entry{dressed: d, fleeting: p.compacting && len(d.record.Value) == 0}
	p.pending = append(p.pending, e)
	p.client.Produce(ctx, d.record, func(_ *kgo.Record, err error) { e.err = err })
}

// sent waits until everything handed over is in the log.
func (p *formProducer) sent(ctx context.Context) error {
	if err := p.client.Flush(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	for _, e := range p.pending {
		if e.err != nil {
			p.pending = nil
			return fmt.Errorf("produce to partition %d: %w", e.record.Partition, e.err)
		}
	}
	return nil
}

// flush sends what was handed over, for good.
func (p *formProducer) flush(ctx context.Context, b *book) error {
	if err := p.sent(ctx); err != nil {
		return err
	}
	b.add(p.pending, fateTold)
	p.pending = nil
	return nil
}

// end ends the transaction.
func (p *formProducer) end(ctx context.Context, commit bool, b *book) error {
	if err := p.sent(ctx); err != nil {
		return err
	}
	if err := p.client.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return fmt.Errorf("end a transaction: %w", err)
	}
	fate, form := fateTold, "transactions committed"
	if !commit {
		fate, form = fateAborted, "transactions aborted"
		p.count("records aborted", len(p.pending))
	}
	p.count(form, 1)
	b.add(p.pending, fate)
	p.pending = nil
	return nil
}

// batchCounter counts the batches that any producer has written. A client tells of
// one a moment after its records are known to be in the log.
type batchCounter struct {
	mu      sync.Mutex
	batches map[string]int
}

// OnProduceBatchWritten is called by the client's goroutines.
func (c *batchCounter) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.batches["batches "+codecs[m.CompressionType].name]++
	switch {
	case m.NumRecords == 1:
		c.batches["batches of one record"]++
	case m.NumRecords >= 1000:
		c.batches["batches of a thousand and more"]++
	}
}

func (c *batchCounter) copied() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.batches)
}
