package recordforms

import (
	"context"

	"github.com/pianola/pianola/internal/trial/harness"
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
