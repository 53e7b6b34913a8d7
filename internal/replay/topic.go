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

// errTimeout: Kafka returned nothing for a partition within Deps.Timeout.
var errTimeout = errors.New("timed out reading the partition")

// topic reads one topic, which must exist. It need not be one of the configuration.
type topic struct {
	*consumer.Consumer
	name     string
	isolated bool // waits for open transactions
	timeout  time.Duration
}

// openTopic also checks that the topic exists and may be read. Its errors are those of
// consumer.Check.
func openTopic(ctx context.Context, cfg consumer.Config, name string, timeout time.Duration, log *zap.Logger) (*topic, error) {
	cfg.Topics = []string{name}
	// The cursor reads single records: a broker that waits for more bytes would slow each
	// of them.
	cfg.FetchMinBytes = 1
	c, err := consumer.New(cfg, log, consumer.Hooks{})
	if err != nil {
		return nil, fmt.Errorf("create the consumer: %w", err)
	}
	if err := c.Check(ctx); err != nil {
		c.Close()
		return nil, err
	}
	return &topic{c, name, cfg.Isolation == consumer.ReadCommitted, timeout}, nil
}

// extent returns what the broker has of a partition, [start, end). It reads at an offset
// that is needed anyway. Where an old broker does not report the start, that offset is
// it, since it could be read.
func (t *topic) extent(ctx context.Context, partition int32, at int64) (start, end int64, err error) {
	reader := t.NewReader(t.name, partition, at)
	defer reader.Close()
	bounded, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	set, err := reader.Next(bounded)
	var outside *consumer.OffsetOutOfRangeError
	switch {
	case errors.As(err, &outside):
		return outside.LogStart, outside.LogEnd, nil
	case err != nil:
		return 0, 0, timeout(ctx, bounded, err)
	case set.LogStart < 0:
		return at, set.HighWatermark, nil
	}
	return set.LogStart, set.HighWatermark, nil
}

// fingerprintAt is consumer.FingerprintAt with the timeout.
func (t *topic) fingerprintAt(ctx context.Context, partition int32, offset int64) (consumer.Fingerprint, bool, error) {
	bounded, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	at, found, err := t.FingerprintAt(bounded, t.name, partition, offset)
	return at, found, timeout(ctx, bounded, err)
}

// timeout returns errTimeout when the timeout ended the read, and not the caller.
func timeout(ctx, bounded context.Context, err error) error {
	if err != nil && ctx.Err() == nil && bounded.Err() != nil {
		return errTimeout
	}
	return err
}

// topicRecreated reports whether the topic was recreated since the tables were written.
func topicRecreated(ctx context.Context, t *topic, partition int32, start, end int64, known sink.Position) (bool, error) {
	return pipeline.TopicRecreated(consumer.Assignment{Topic: t.name, Partition: partition, Committed: -1, LogStart: start, HighWatermark: end}, known, func(offset int64) (consumer.Fingerprint, bool, error) {
		return t.fingerprintAt(ctx, partition, offset)
	})
}
