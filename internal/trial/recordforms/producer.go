package recordforms

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/kafka"
)

type codec struct {
	name  string
	codec kgo.CompressionCodec
}

var codecs = []codec{
	{"none", kgo.NoCompression()}, {"gzip", kgo.GzipCompression()}, {"snappy", kgo.SnappyCompression()},
	{"lz4", kgo.Lz4Compression()}, {"zstd", kgo.ZstdCompression()},
}

// producer writes batches with one codec. What it is given between two flushes becomes one
// batch for each partition.
type producer struct {
	client     *kgo.Client
	pending    []*entry // not yet known to be committed
	count      func(form string, n int)
	compacting bool
}

// newProducer makes the next producer. Each batching has its own, because a compacted log
// keeps the last batch of a producer even when it is empty.
func (f *publisher) newProducer(transactional bool) (*producer, error) {
	f.clients++
	codec := f.decks.codecs.Draw()
	p := &producer{count: f.Count, compacting: f.compacting}
	options := []kgo.Opt{
		kgo.ProducerBatchCompression(codec.codec),
		// The limit is for the size before compression.
		kgo.ProducerBatchMaxBytes(kafka.MaxMessageBytes - 4096),
		kgo.MaxBufferedRecords(20_000),
		kgo.ManualFlushing(),
		kgo.WithHooks(batchCounter{f.Count}),
	}
	if transactional {
		options = append(options,
			kgo.TransactionalID(fmt.Sprintf("%s-%d", f.Topic, f.clients)),
			kgo.TransactionTimeout(5*time.Minute), // longer than a transaction takes on the slowest machine
		)
	}
	var err error
	p.client, err = f.NewProducer(options...)
	return p, err
}

// add gives a record to the client.
func (p *producer) add(ctx context.Context, d outgoing) {
	e := &entry{outgoing: d, fleeting: p.compacting && len(d.record.Value) == 0}
	p.pending = append(p.pending, e)
	p.client.Produce(ctx, d.record, func(_ *kgo.Record, err error) { e.err = err })
}

// sent waits until all pending records are in the log.
func (p *producer) sent(ctx context.Context) error {
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

// flush sends the pending records, outside of a transaction.
func (p *producer) flush(ctx context.Context, l *ledger) error {
	if err := p.sent(ctx); err != nil {
		return err
	}
	l.add(p.pending, fateCommitted)
	p.pending = nil
	return nil
}

// end ends the transaction.
func (p *producer) end(ctx context.Context, commit bool, l *ledger) error {
	if err := p.sent(ctx); err != nil {
		return err
	}
	if err := p.client.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return fmt.Errorf("end a transaction: %w", err)
	}
	fate, form := fateCommitted, "transactions committed"
	if !commit {
		fate, form = fateAborted, "transactions aborted"
		p.count("records aborted", len(p.pending))
	}
	p.count(form, 1)
	l.add(p.pending, fate)
	p.pending = nil
	return nil
}

// batchCounter counts the batches that all producers have written.
type batchCounter struct{ count func(form string, n int) }

// OnProduceBatchWritten is called by the client's goroutines, a moment after the client has
// acknowledged the records.
func (c batchCounter) OnProduceBatchWritten(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.ProduceBatchMetrics) {
	c.count("batches "+codecs[m.CompressionType].name, 1)
	switch {
	case m.NumRecords == 1:
		c.count("batches of one record", 1)
	case m.NumRecords >= 1000:
		c.count("batches of a thousand and more", 1)
	}
}
