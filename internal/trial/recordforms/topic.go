package recordforms

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
)

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
