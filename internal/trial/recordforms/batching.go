package recordforms

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
)

// batching is how one producer groups its records.
type batching int

const (
	singles batching = iota // batches of one record
	handfuls
	hundreds
	transactions
	leaveOpen // a transaction that ends after other producers have written more
)

// publishBatch publishes the next messages, up to a limit, with one producer.
func (f *publisher) publishBatch(ctx context.Context, until int) error {
	kind := f.decks.batching.Draw()
	if kind == leaveOpen && f.open != nil {
		kind = transactions
	}
	if err := f.keepPace(ctx); err != nil {
		return err
	}
	p, err := f.newProducer(kind == transactions || kind == leaveOpen)
	if err != nil {
		return err
	}
	if kind == leaveOpen {
		return f.leaveOpen(ctx, p, until)
	}
	defer p.client.Close()
	if kind == transactions {
		return f.transactions(ctx, p, until)
	}
	for range f.between(2, 6) {
		f.take(ctx, p, until, f.batchSize(kind))
		if err := p.flush(ctx, f.ledger); err != nil {
			return err
		}
	}
	// The cleaner empties a producer's last batches, and keeps the empty batch.
	if !f.compacting {
		return nil
	}
	f.filler(ctx, p, f.between(1, 20))
	if err := p.flush(ctx, f.ledger); err != nil {
		return err
	}
	p.add(ctx, f.newSegment(f.dice.Int32N(harness.Partitions)))
	return p.flush(ctx, f.ledger)
}

// batchSize is how many messages are sent together.
func (f *publisher) batchSize(kind batching) int {
	share := f.World.Total() / 80
	switch kind {
	case singles:
		return 1
	case handfuls:
		return f.between(2, 20)
	default:
		return f.between(max(20, share/4), max(40, share))
	}
}

// transactions are several of one producer, committed and aborted.
func (f *publisher) transactions(ctx context.Context, p *producer, until int) error {
	for range f.between(2, 5) {
		if err := p.client.BeginTransaction(); err != nil {
			return err
		}
		commit := f.decks.commit.Draw()
		for range f.between(1, 3) {
			if commit {
				f.take(ctx, p, until, f.between(1, max(20, f.World.Total()/100)))
				f.filler(ctx, p, f.between(0, 3))
			} else {
				f.aborted(ctx, p, f.between(1, 30))
			}
			if err := p.sent(ctx); err != nil {
				return err
			}
		}
		if err := p.end(ctx, commit, f.ledger); err != nil {
			return err
		}
	}
	return nil
}

// between is a random number from low to high.
func (f *publisher) between(low, high int) int { return low + f.dice.IntN(high-low+1) }

// openTransaction is one behind which other producers write.
type openTransaction struct {
	producer *producer
	commit   bool
	until    int // the message at which it ends
}

func (f *publisher) leaveOpen(ctx context.Context, p *producer, until int) error {
	f.open = &openTransaction{producer: p, commit: f.decks.commit.Draw()}
	if err := p.client.BeginTransaction(); err != nil {
		return err
	}
	if f.open.commit {
		f.take(ctx, p, until, f.between(1, 30))
	} else {
		f.aborted(ctx, p, f.between(1, 30))
	}
	span := min(f.World.Total()/20, harness.Backlog/4)
	f.open.until = f.index + f.between(span/4, span)
	return p.sent(ctx)
}

// endOpen ends the open transaction, if there is one. Mostly it first waits until the
// consumer has read all that lies before it.
func (f *publisher) endOpen(ctx context.Context) error {
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
	defer o.producer.client.Close()
	f.Count("transactions left open for a while", 1)
	return o.producer.end(ctx, o.commit, f.ledger)
}

// hold keeps a transaction open until the ledger of the tables ends right before it, and a
// little longer. It does nothing where that may never happen: in a compacted log, and where
// the processes do not wait for transactions.
func (f *publisher) hold(ctx context.Context, o *openTransaction) error {
	const most, longer = 30 * time.Second, 300 * time.Millisecond
	if f.compacting || f.readUncommitted() {
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
	err := f.Until(bounded, "the consumer at the transaction", nil, func(ctx context.Context) (bool, error) {
		next, err := f.Reached(ctx, "source_partition = $2", first.Partition)
		return err == nil && next[first.Partition] == first.Offset, err
	})
	if wait.Expired(bounded) {
		return ctx.Err() // not counted
	}
	if err != nil {
		return err
	}
	f.Count("transactions that a consumer waited for", 1)
	f.held.Store(true)
	defer f.held.Store(false)
	return wait.For(ctx, time.Duration(f.dice.Int64N(int64(longer))))
}
