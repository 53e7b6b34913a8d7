package recordforms

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/trial/harness"
)

// take gives the world's next messages to a producer, decorated, with foreign records and
// fillers among them.
func (f *publisher) take(ctx context.Context, p *producer, until, n int) {
	for ; n > 0 && f.index < until; n-- {
		m, more := f.next()
		if !more {
			return
		}
		f.stamp = m.Time
		d := outgoing{message: f.index, record: &kgo.Record{Partition: m.Partition, Key: m.Key, Value: m.Value, Timestamp: m.Time}}
		f.index++
		f.decorate(&d)
		f.remember(d)
		p.add(ctx, d)
		if f.index >= f.large {
			f.large = f.index + max(f.World.Total()/24, 100)
			p.add(ctx, f.foreignRecord(f.decks.large.Draw()))
		}
		if f.dice.IntN(20) == 0 {
			p.add(ctx, f.foreignRecord(f.decks.invalid.Draw()))
		}
		if f.dice.IntN(8) == 0 {
			f.filler(ctx, p, 1)
		}
	}
}

func (f *publisher) remember(d outgoing) {
	const most = 64
	if len(f.recent) == most {
		f.recent = f.recent[1:]
	}
	if len(d.record.Value) < 64<<10 {
		r := *d.record // the ledger empties what has been written
		d.record = &r
		f.recent = append(f.recent, d)
	}
}

// aborted gives a producer what an aborted transaction holds: published messages again,
// with later timestamps, which would win if they were read, and foreign records.
func (f *publisher) aborted(ctx context.Context, p *producer, n int) {
	for ; n > 0; n-- {
		if len(f.recent) == 0 || f.dice.IntN(5) == 0 {
			p.add(ctx, f.foreignRecord(f.decks.invalid.Draw()))
			continue
		}
		d := f.recent[f.dice.IntN(len(f.recent))]
		r := *d.record
		r.Timestamp = f.stamp.Add(24 * time.Hour)
		d.record = &kgo.Record{Partition: r.Partition, Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
		if f.compacting {
			d.record.Key = f.uniqueKey()
		}
		p.add(ctx, d)
	}
}

// filler gives a producer records that compaction removes, where the topic is compacted.
func (f *publisher) filler(ctx context.Context, p *producer, n int) {
	if !f.compacting {
		return
	}
	partition := f.dice.Int32N(harness.Partitions)
	for ; n > 0; n-- {
		p.add(ctx, f.fillerIn(partition))
	}
}

// heap is one batch of thousands of records.
func (f *publisher) heap(ctx context.Context) error {
	p, err := f.newProducer(false)
	if err != nil {
		return err
	}
	defer p.client.Close()
	n := 1000 + f.dice.IntN(1+f.World.Total()/15)
	if f.compacting {
		f.filler(ctx, p, n)
		return p.flush(ctx, f.ledger)
	}
	partition := f.dice.Int32N(harness.Partitions)
	for ; n > 0; n-- {
		d := f.foreignRecord(f.decks.tiny.Draw())
		d.record.Partition = partition
		p.add(ctx, d)
	}
	return p.flush(ctx, f.ledger)
}
