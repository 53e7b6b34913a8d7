package recordforms

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// publisher publishes a round's world in all forms. One goroutine uses it.
type publisher struct {
	*scenario
	dice    *rand.Rand // its own: the scenario runs beside it
	decks   decks
	ledger  *ledger
	batches *batchCounter
	recent  []outgoing // published not long ago, for transactions that abort
	open    *openTransaction
	clients int // made so far; each gets names of its own
	large   int // the message at which the next large value is due

	next  func() (world.Message, bool)
	index int       // of the message that next gives
	stamp time.Time // of the message published last
	ahead time.Time // of the record that began the last segment

	compacting bool // the topic is compacted: keys must be unique
}

// segmentSpan is how far the timestamps of a segment of the compacted topic may lie apart.
// The cleaner never touches the last segment. A record with a later timestamp begins
// another one. A marker has the broker's time, so the first such record is later than that.
const segmentSpan = 30 * 24 * time.Hour

// publish sends the world while the topic's configuration changes:
//
//  1. compacted, and the cleaner is done before a consumer starts;
//  2. compacted, and the cleaner runs while a consumer reads;
//  3. kept for ever, with the producers' timestamps;
//  4. kept for ever, with the broker's timestamps.
//
// Compaction removes only records without a value, which the ledger of the tables counts at
// most. So the truth does not depend on when the cleaner runs. It is calculated at the end,
// from what another client reads.
func (s *scenario) publish(ctx context.Context) error {
	next, stop := iter.Pull(s.World.Messages())
	defer stop()
	f := &publisher{
		scenario: s, next: next, dice: rand.New(rand.NewPCG(s.Seed, 10)), ledger: newLedger(s.Topic), stamp: s.World.Config().Start, ahead: time.Now(),
		batches: &batchCounter{batches: map[string]int{}},
	}
	f.decks = newDecks(f.dice)
	defer func() {
		if f.open != nil {
			f.open.producer.close()
		}
	}()
	kept := map[string]string{"cleanup.policy": "delete", "segment.ms": fmt.Sprint(365 * 24 * time.Hour.Milliseconds())}
	if s.Env.Kind == harness.Apache { // kfake accepts all timestamps, and always compacts
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
		func(ctx context.Context) error { return f.publishUpTo(ctx, 35) },
		func(ctx context.Context) error {
			if err := f.configure(ctx, kept); err != nil {
				return err
			}
			if err := f.awaitKept(ctx); err != nil {
				return err
			}
			return f.publishUpTo(ctx, 75)
		},
		func(ctx context.Context) error {
			if err := f.configure(ctx, map[string]string{"message.timestamp.type": "LogAppendTime"}); err != nil {
				return err
			}
			return f.publishUpTo(ctx, 100)
		},
		f.finish,
	}
	if f.readUncommitted() {
		// Compaction removes aborted records, also those that were read. The truth about
		// them is known only where everything is kept.
		phases = phases[2:]
		close(s.ready)
	}
	for _, phase := range phases {
		if err := phase(ctx); err != nil {
			return fmt.Errorf("publish the world in all forms: %w", err)
		}
	}
	return nil
}

// compacted publishes the first share of the world and waits for the cleaner.
func (f *publisher) compacted(ctx context.Context, percent int) error {
	f.compacting = true
	err := f.configure(ctx, map[string]string{
		"cleanup.policy": "compact",
		"segment.ms":     fmt.Sprint(segmentSpan.Milliseconds()),
		// The second run of the cleaner may remove tombstones.
		"delete.retention.ms": "100",
	})
	if err != nil {
		return err
	}
	// kfake's logs begin at the first record that compaction leaves, Kafka's at their old
	// start. A first record that stays makes them equal.
	err = f.everyPartition(ctx, "a first record", func(p *producer, partition int32) (bool, error) {
		d := f.foreignRecord(invalidValues[smallValues])
		d.record.Partition = partition
		p.add(ctx, d)
		return true, p.flush(ctx, f.ledger)
	})
	if err != nil {
		return err
	}
	if err := f.publishUpTo(ctx, percent); err != nil {
		return err
	}
	if err := f.awaitCleaner(ctx); err != nil {
		return err
	}
	close(f.ready)
	return nil
}

// publishUpTo sends messages up to a share of the world, and ends an open transaction.
func (f *publisher) publishUpTo(ctx context.Context, percent int) error {
	until := f.World.Total() * percent / 100
	if err := f.heap(ctx); err != nil {
		return err
	}
	for f.index < until {
		if err := f.publishBatch(ctx, until); err != nil {
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

// keepPace waits while the publisher is a backlog ahead of the tables. It ends an open
// transaction, for which the consumer may be waiting.
func (f *publisher) keepPace(ctx context.Context) error {
	select {
	case <-f.ready:
	default:
		return nil // no consumer reads yet
	}
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for {
		covered, err := f.Covered(ctx)
		if err != nil || f.ledger.end() < covered+harness.Backlog {
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
