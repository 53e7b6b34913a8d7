package recordforms

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

// publisher publishes a round's world in all forms. One goroutine uses it.
type publisher struct {
	*scenario
	dice    *rand.Rand // its own: the scenario runs beside it
	decks   decks
	ledger  *ledger
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
	}
	f.decks = newDecks(f.dice)
	defer func() {
		if f.open != nil {
			f.open.producer.client.Close()
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
	upTo := func(percent int) func(context.Context) error {
		return func(ctx context.Context) error { return f.publishUpTo(ctx, percent) }
	}
	configured := func(settings map[string]string) func(context.Context) error {
		return func(ctx context.Context) error { return f.configure(ctx, settings) }
	}
	phases := []func(context.Context) error{f.compact, upTo(20), f.awaitCleaner, s.allowConsumers, upTo(35)}
	if f.readUncommitted() {
		// Compaction removes aborted records, also those that were read. The truth about
		// them is known only where everything is kept.
		phases = []func(context.Context) error{s.allowConsumers}
	}
	phases = append(phases, configured(kept), f.awaitKept, upTo(75),
		configured(map[string]string{"message.timestamp.type": "LogAppendTime"}), upTo(100), f.finish)
	if err := harness.InOrder(ctx, phases...); err != nil {
		return fmt.Errorf("publish the world in all forms: %w", err)
	}
	return nil
}

func (s *scenario) allowConsumers(context.Context) error {
	close(s.ready)
	return nil
}

// compact makes the topic a compacted one.
func (f *publisher) compact(ctx context.Context) error {
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
	return f.everyPartition(ctx, "a first record", func(p *producer, partition int32) (bool, error) {
		d := f.foreignRecord(invalidValues[smallValues])
		d.record.Partition = partition
		p.add(ctx, d)
		return true, p.flush(ctx, f.ledger)
	})
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
	return f.Until(ctx, "the consumer less than a backlog behind", nil, func(ctx context.Context) (bool, error) {
		covered, err := f.Covered(ctx)
		if err != nil || f.ledger.end() < covered+harness.Backlog {
			return true, err
		}
		return false, f.endOpen(ctx)
	})
}

// configure changes settings of the topic. They take effect a little later.
func (f *publisher) configure(ctx context.Context, settings map[string]string) error {
	var changes []kadm.AlterConfig
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := settings[name]
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	answers, err := f.Env.Admin.AlterTopicConfigs(ctx, changes, f.Topic)
	if err != nil {
		return fmt.Errorf("configure %s: %w", f.Topic, err)
	}
	for _, a := range answers {
		if a.Err != nil {
			return fmt.Errorf("configure %s: %w: %s", f.Topic, a.Err, a.ErrMessage)
		}
	}
	return nil
}

// awaitKept waits until no partition is compacted any more: until each accepts a record
// without a key.
func (f *publisher) awaitKept(ctx context.Context) error {
	err := f.everyPartition(ctx, "a partition that is not compacted", func(p *producer, partition int32) (bool, error) {
		d := outgoing{foreign: &world.ForeignRecord{}, record: &kgo.Record{Partition: partition, Timestamp: f.stamp}}
		p.add(ctx, d)
		err := p.flush(ctx, f.ledger)
		return err == nil, nil //nolint:nilerr // refused: the topic is still compacted
	})
	f.compacting = false
	return err
}

// everyPartition tries something on each partition, each time with a new producer, until
// it succeeds.
func (f *publisher) everyPartition(ctx context.Context, what string, try func(p *producer, partition int32) (bool, error)) error {
	for partition := range int32(harness.Partitions) {
		err := f.Until(ctx, what, nil, func(ctx context.Context) (bool, error) {
			p, err := f.newProducer(false)
			if err != nil {
				return false, err
			}
			defer p.client.Close()
			return try(p, partition)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
