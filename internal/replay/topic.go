package replay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/sink"
)

// errSilent: Kafka gave nothing for a partition for as long as we wait.
var errSilent = errors.New("kafka gives nothing for the partition")

// topic is the way to one topic, which must exist: it need not be one that the
// configuration names.
type topic struct {
	*consumer.Consumer
	name     string
	isolated bool // records of open transactions are waited for
	patience time.Duration
}

// openTopic also asks whether the topic exists and may be read: the errors are
// those of consumer.Check.
func openTopic(ctx context.Context, cfg consumer.Config, name string, patience time.Duration, log *zap.Logger) (*topic, error) {
	cfg.Topics = []string{name}
	// Single records are wanted, and a broker that waits for more would make
	// each of them slow.
	cfg.FetchMinBytes = 1
	c, err := consumer.New(cfg, log, consumer.Hooks{})
	if err != nil {
		return nil, fmt.Errorf("set up the consumer: %w", err)
	}
	if err := c.Check(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return &topic{c, name, cfg.Isolation == consumer.ReadCommitted, patience}, nil
}

// extent asks what the broker holds of a partition, [start, end), by reading at
// an offset that is wanted anyway. start is at itself where a broker is too old
// to tell: what can be read is there.
func (t *topic) extent(ctx context.Context, partition int32, at int64) (start, end int64, err error) {
	reader := t.NewReader(t.name, partition, at)
	defer reader.Close()
	bounded, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	set, err := reader.Next(bounded)
	var outside *consumer.OffsetOutOfRangeError
	switch {
	case errors.As(err, &outside):
		return outside.LogStart, outside.LogEnd, nil
	case err != nil:
		return 0, 0, silent(ctx, bounded, err)
	case set.LogStart < 0:
		return at, set.HighWatermark, nil
	}
	return set.LogStart, set.HighWatermark, nil
}

// timestampAt is consumer.TimestampAt, for as long as we wait.
func (t *topic) timestampAt(ctx context.Context, partition int32, offset int64) (int64, bool, error) {
	bounded, cancel := context.WithTimeout(ctx, t.patience)
	defer cancel()
	timestamp, found, err := t.TimestampAt(bounded, t.name, partition, offset)
	return timestamp, found, silent(ctx, bounded, err)
}

// silent tells our own end of waiting from the caller's.
func silent(ctx, bounded context.Context, err error) error {
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return errSilent
	}
	return err
}

// madeAnew says whether the partition is of another topic than the tables know.
func madeAnew(ctx context.Context, t *topic, partition int32, start, end int64, known sink.Position) (bool, error) {
	return pipeline.TopicRecreated(consumer.Assignment{Topic: t.name, Partition: partition, Committed: -1, LogStart: start, HighWatermark: end}, known, func(offset int64) (int64, bool, error) {
		return t.timestampAt(ctx, partition, offset)
	})
}
