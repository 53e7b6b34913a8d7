package trial

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/world"
)

// formTeller tells a round's world in all forms. One goroutine uses it.
type formTeller struct {
	r       *round
	dice    *rand.Rand
	decks   decks
	book    *book
	count   func(form string, n int)
	batches *batchCounter
	recent  []dressed // told not long ago, for transactions that abort
	open    *openTransaction
	clients int // made so far; each gets names of its own
	large   int // the message at which the next large stray is due

	next  func() (world.Message, bool)
	index int       // of the message that next gives
	stamp time.Time // of the message told last
	ahead time.Time // of the record that began the last segment

	compacting bool // the topic is a compacted one: keys must be unique
}

// segmentSpan is how far the timestamps of a segment of the compacted topic may lie
// apart. The cleaner never touches the last segment: to begin another one, one
// tells a record that lies further ahead. Since a marker has the broker's time, the
// first such step begins there.
const segmentSpan = 30 * 24 * time.Hour

// tellForms is the publisher. The topic changes its ways as it goes:
//
//  1. compacted, and the cleaner has been over it before a consumer comes;
//  2. compacted, and the cleaner works while it is read;
//  3. kept for ever, with the timestamps that producers write;
//  4. likewise, with those of the broker.
//
// What compaction may take away are records without a value, which the ledger at
// most counts: so the truth does not depend on when the cleaner runs. What must be
// in the tables is worked out at the end, from what another client reads.
func tellForms(ctx context.Context, r *round) error {
	next, stop := iter.Pull(r.world.Messages())
	defer stop()
	f := &formTeller{
		r: r, next: next, dice: rand.New(rand.NewPCG(r.seed, 10)), book: newBook(r.topic), stamp: r.world.Config().Start, ahead: time.Now(),
		count:   func(form string, n int) { r.told[form] += n },
		batches: &batchCounter{batches: map[string]int{}},
	}
	f.decks = newDecks(f.dice)
	defer func() {
		if f.open != nil {
			f.open.producer.close()
		}
	}()
	kept := map[string]string{"cleanup.policy": "delete", "segment.ms": fmt.Sprint(365 * 24 * time.Hour.Milliseconds())}
	if r.stage.kind == Apache { // kfake takes all timestamps and is always eager
		err := f.configure(ctx, map[string]string{
			"min.cleanable.dirty.ratio": "0", "segment.index.bytes": "65536",
			"message.timestamp.before.max.ms": fmt.Sprint(math.MaxInt64),
			"message.timestamp.after.max.ms":  fmt.Sprint(math.MaxInt64),
		})
		if err != nil {
			return err
		}
	}
	phases := []func(context.Context) error{
		func(ctx context.Context) error { return f.compacted(ctx, 20) },
		func(ctx context.Context) error { return f.tell(ctx, 35) },
		func(ctx context.Context) error {
			if err := f.configure(ctx, kept); err != nil {
				return err
			}
			if err := f.awaitKept(ctx); err != nil {
				return err
			}
			return f.tell(ctx, 75)
		},
		func(ctx context.Context) error {
			if err := f.configure(ctx, map[string]string{"message.timestamp.type": "LogAppendTime"}); err != nil {
				return err
			}
			return f.tell(ctx, 100)
		},
		f.finish,
	}
	if r.cfg.Kafka.Isolation == string(consumer.ReadUncommitted) {
		// Compaction takes what was aborted, whoever has read it: only where
		// everything is kept is there a truth about it.
		phases = phases[2:]
		close(r.ready)
	}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return fmt.Errorf("tell the world in all forms: %w", err)
		}
	}
	return nil
}

// compacted tells the first share of the world and waits for the cleaner.
func (f *formTeller) compacted(ctx context.Context, percent int) error {
	f.compacting = true
	err := f.configure(ctx, map[string]string{
		"cleanup.policy": "compact",
		"segment.ms":     fmt.Sprint(segmentSpan.Milliseconds()),
		// On its second visit the cleaner may take tombstones.
		"delete.retention.ms": "100",
	})
	if err != nil {
		return err
	}
	// What compaction leaves at the start is where kfake's logs begin; Kafka's begin
	// where they always have. A record that stays there makes them alike.
	err = f.everyPartition(ctx, "a first record", func(p *formProducer, partition int32) (bool, error) {
		d := f.stray(strays[smallStrays])
		d.record.Partition = partition
		p.add(ctx, d)
		return true, p.flush(ctx, f.book)
	})
	if err != nil {
		return err
	}
	if err := f.tell(ctx, percent); err != nil {
		return err
	}
	if err := f.awaitCleaner(ctx); err != nil {
		return err
	}
	close(f.r.ready)
	return nil
}

// tell tells the world up to a share of its messages, and ends what is open.
func (f *formTeller) tell(ctx context.Context, percent int) error {
	until := f.r.world.Total() * percent / 100
	if err := f.heap(ctx); err != nil {
		return err
	}
	for f.index < until {
		if err := f.bout(ctx, until); err != nil {
			return err
		}
		if f.open != nil && f.index >= f.open.until {
			if err := f.endOpen(ctx); err != nil {
				return err
			}
		}
	}
	return f.endOpen(ctx)
}

// keepPace waits while the publisher is a backlog ahead of the ledger. It does not
// wait for a consumer that itself waits for a transaction to end.
func (f *formTeller) keepPace(ctx context.Context) error {
	select {
	case <-f.r.ready:
	default:
		return nil // nobody reads yet
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		covered, err := f.r.covered(ctx)
		if err != nil || f.book.end() < covered+backlog {
			return err
		}
		if err := f.endOpen(ctx); err != nil {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
