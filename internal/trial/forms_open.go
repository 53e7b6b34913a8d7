package trial

import (
	"context"
	"time"

	"github.com/pianola/pianola/consumer"
)

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
