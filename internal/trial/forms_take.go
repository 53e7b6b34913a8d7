package trial

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// take hands the world's next messages to a producer, dressed, with strays and
// fillers among them.
func (f *formTeller) take(ctx context.Context, p *formProducer, until, n int) {
	for ; n > 0 && f.index < until; n-- {
		m, more := f.next()
		if !more {
			return
		}
		f.stamp = m.Time
		d := dressed{message: f.index, record: &kgo.Record{Partition: m.Partition, Key: m.Key, Value: m.Value, Timestamp: m.Time}}
		f.index++
		f.dress(&d)
		f.remember(d)
		p.add(ctx, d)
		if f.index >= f.large {
			f.large = f.index + max(f.r.world.Total()/24, 100)
			p.add(ctx, f.stray(largeStrays[f.decks.large.draw()]))
		}
		if f.dice.IntN(20) == 0 {
			p.add(ctx, f.stray(strays[f.decks.strays.draw()]))
		}
		if f.dice.IntN(8) == 0 {
			f.filler(ctx, p, 1)
		}
	}
}

func (f *formTeller) remember(d dressed) {
	const most = 64
	if len(f.recent) == most {
		f.recent = f.recent[1:]
	}
	if len(d.record.Value) < 64<<10 {
		r := *d.record // the book empties what has been told
		d.record = &r
		f.recent = append(f.recent, d)
	}
}

// neverHappened hands over what an aborted transaction holds: told messages again,
// under later timestamps, which would win if they were read, and strays.
func (f *formTeller) neverHappened(ctx context.Context, p *formProducer, n int) {
	for ; n > 0; n-- {
		if len(f.recent) == 0 || f.dice.IntN(5) == 0 {
			p.add(ctx, f.stray(strays[f.decks.strays.draw()]))
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

// filler hands over records that compaction takes away, where there is any.
func (f *formTeller) filler(ctx context.Context, p *formProducer, n int) {
	if !f.compacting {
		return
	}
	partition := f.dice.Int32N(partitions)
	for ; n > 0; n-- {
		p.add(ctx, f.fillerIn(partition))
	}
}

// heap is one batch of thousands.
func (f *formTeller) heap(ctx context.Context) error {
	p, err := f.producer(false)
	if err != nil {
		return err
	}
	defer p.close()
	n := 1000 + f.dice.IntN(1+f.r.world.Total()/15)
	if f.compacting {
		f.filler(ctx, p, n)
		return p.flush(ctx, f.book)
	}
	partition := f.dice.Int32N(partitions)
	for ; n > 0; n-- {
		d := f.stray(strays[f.decks.heap.draw()])
		d.record.Partition = partition
		p.add(ctx, d)
	}
	return p.flush(ctx, f.book)
}
