package trial

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
)

// bout is what one producer tells.
type bout int

const (
	singles bout = iota // batches of one record
	handfuls
	hundreds
	transactions
	leaveOpen // a transaction that ends when others have told more
)

// bout tells the next messages, up to a limit, in one way.
func (f *formTeller) bout(ctx context.Context, until int) error {
	kind := bout(f.decks.bouts.draw())
	if kind == leaveOpen && f.open != nil {
		kind = transactions
	}
	if err := f.keepPace(ctx); err != nil {
		return err
	}
	p, err := f.producer(kind == transactions || kind == leaveOpen)
	if err != nil {
		return err
	}
	if kind == leaveOpen {
		return f.leaveOpen(ctx, p, until)
	}
	defer p.close()
	if kind == transactions {
		return f.transactions(ctx, p, until)
	}
	for range f.between(2, 6) {
		f.take(ctx, p, until, f.breath(kind))
		if err := p.flush(ctx, f.book); err != nil {
			return err
		}
	}
	// The producer's last batches: the cleaner empties them, and keeps their shell.
	if !f.compacting {
		return nil
	}
	f.filler(ctx, p, f.between(1, 20))
	if err := p.flush(ctx, f.book); err != nil {
		return err
	}
	p.add(ctx, f.newSegment(f.dice.Int32N(partitions)))
	return p.flush(ctx, f.book)
}

// breath is how many messages go out together.
func (f *formTeller) breath(kind bout) int {
	share := f.r.world.Total() / 80
	switch kind {
	case singles:
		return 1
	case handfuls:
		return f.between(2, 20)
	default:
		return f.between(max(20, share/4), max(40, share))
	}
}

// transactions are several of one producer, with and without success.
func (f *formTeller) transactions(ctx context.Context, p *formProducer, until int) error {
	for range f.between(2, 5) {
		if err := p.client.BeginTransaction(); err != nil {
			return err
		}
		commit := f.decks.fates.draw() == 0
		for range f.between(1, 3) {
			if commit {
				f.take(ctx, p, until, f.between(1, max(20, f.r.world.Total()/100)))
				f.filler(ctx, p, f.between(0, 3))
			} else {
				f.neverHappened(ctx, p, f.between(1, 30))
			}
			if err := p.sent(ctx); err != nil {
				return err
			}
		}
		if err := p.end(ctx, commit, f.book); err != nil {
			return err
		}
	}
	return nil
}

// openTransaction is one that others tell behind.
type openTransaction struct {
	producer *formProducer
	commit   bool
	until    int // the message at which it ends
}

func (f *formTeller) leaveOpen(ctx context.Context, p *formProducer, until int) error {
	f.open = &openTransaction{producer: p, commit: f.decks.fates.draw() == 0}
	if err := p.client.BeginTransaction(); err != nil {
		return err
	}
	if f.open.commit {
		f.take(ctx, p, until, f.between(1, 30))
	} else {
		f.neverHappened(ctx, p, f.between(1, 30))
	}
	span := min(f.r.world.Total()/20, backlog/4)
	f.open.until = f.index + f.between(span/4, span)
	return p.sent(ctx)
}

// endOpen ends the open transaction, if there is one. Most times it waits until the
// consumer has nothing left to read before it.
func (f *formTeller) endOpen(ctx context.Context) error {
	o := f.open
	if o == nil {
		return nil
	}
	if f.dice.IntN(4) > 0 {
		if err := f.hold(ctx, o); err != nil {
			return err
		}
	}
	f.open = nil
	defer o.producer.close()
	f.count("transactions left open for a while", 1)
	return o.producer.end(ctx, o.commit, f.book)
}

// hold keeps a transaction open until the ledger stands right before it, and a
// little longer. A compacted log may have nothing there to come to, and some do
// not wait for transactions.
func (f *formTeller) hold(ctx context.Context, o *openTransaction) error {
	const most, longer = 30 * time.Second, 300 * time.Millisecond
	if f.compacting || f.r.cfg.Kafka.Isolation == string(consumer.ReadUncommitted) {
		return nil
	}
	first := o.producer.pending[0].record
	for _, e := range o.producer.pending {
		if e.record.Partition == first.Partition && e.record.Offset < first.Offset {
			first = e.record
		}
	}
	bounded, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for stands := false; !stands; {
		var err error
		if stands, err = f.r.standsAt(bounded, first.Partition, first.Offset); err != nil && bounded.Err() == nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-bounded.Done():
			return ctx.Err() // not counted
		}
	}
	f.count("transactions that a consumer waited for", 1)
	f.r.held.Store(true)
	defer f.r.held.Store(false)
	timer := time.NewTimer(time.Duration(f.dice.Int64N(int64(longer))))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

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

// between is a random number from least to most.
func (f *formTeller) between(least, most int) int { return least + f.dice.IntN(most-least+1) }
