package trial

import "context"

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

// between is a random number from least to most.
func (f *formTeller) between(least, most int) int { return least + f.dice.IntN(most-least+1) }
