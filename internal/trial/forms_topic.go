package trial

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// configure changes settings of the topic, which take effect a little later.
func (f *formTeller) configure(ctx context.Context, settings map[string]string) error {
	var changes []kadm.AlterConfig
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := settings[name]
		changes = append(changes, kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value})
	}
	answers, err := f.r.stage.admin.AlterTopicConfigs(ctx, changes, f.r.topic)
	if err != nil {
		return fmt.Errorf("configure %s: %w", f.r.topic, err)
	}
	for _, a := range answers {
		if a.Err != nil {
			return fmt.Errorf("configure %s: %w: %s", f.r.topic, a.Err, a.ErrMessage)
		}
	}
	return nil
}

// awaitKept waits until every partition has ceased to be compacted, which shows in
// that it takes a record without a key.
func (f *formTeller) awaitKept(ctx context.Context) error {
	err := f.everyPartition(ctx, "a partition that is not compacted", func(p *formProducer, partition int32) (bool, error) {
		d := dressed{stray: &world.ForeignRecord{}, record: &kgo.Record{Partition: partition, Timestamp: f.stamp}}
		p.add(ctx, d)
		err := p.flush(ctx, f.book)
		return err == nil, nil //nolint:nilerr // refused: the topic is a compacted one yet
	})
	f.compacting = false
	return err
}

// everyPartition tries something on each partition, with a producer of its own,
// until it is so.
func (f *formTeller) everyPartition(ctx context.Context, what string, try func(p *formProducer, partition int32) (bool, error)) error {
	for partition := range int32(partitions) {
		err := f.r.until(ctx, what, nil, func(ctx context.Context) (bool, error) {
			p, err := f.producer(false)
			if err != nil {
				return false, err
			}
			defer p.close()
			return try(p, partition)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
