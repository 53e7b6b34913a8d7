package recordforms

import (
	"context"
	"time"

	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/internal/wait"
)

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
	if bounded.Err() != nil {
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
