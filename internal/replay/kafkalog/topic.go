package kafkalog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/internal/wait"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// ErrTimeout means that Kafka returned nothing for a partition within the timeout.
var ErrTimeout = errors.New("timed out reading the partition")

// DefaultTimeout is long enough for the election of new leaders after a broker fails.
const DefaultTimeout = 30 * time.Second

// Topic reads one topic, which must exist. It need not be one of the configuration.
type Topic struct {
	*consumer.Consumer
	name     string
	isolated bool // waits for open transactions
	timeout  time.Duration
}

// Open also checks that the topic exists and may be read. Its errors are those of
// consumer.Check. The caller closes the topic.
func Open(ctx context.Context, cfg consumer.Config, name string, timeout time.Duration, log *zap.Logger) (*Topic, error) {
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
	return &Topic{c, name, cfg.Isolation == consumer.ReadCommitted, timeout}, nil
}

// Extent returns what the broker has of a partition, [start, end). It reads at an offset
// that is needed anyway. Where an old broker does not report the start, that offset is
// it, since it could be read.
func (t *Topic) Extent(ctx context.Context, partition int32, at int64) (start, end int64, err error) {
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
		return 0, 0, timeoutOf(ctx, bounded, err)
	case set.LogStart < 0:
		return at, set.HighWatermark, nil
	}
	return set.LogStart, set.HighWatermark, nil
}

// Recreated reports whether the topic was recreated since the tables were written. known
// must have been read before the extent, because a consumer may be running.
func (t *Topic) Recreated(ctx context.Context, partition int32, start, end int64, known sink.Position) (bool, error) {
	a := consumer.Assignment{Topic: t.name, Partition: partition, Committed: -1, LogStart: start, HighWatermark: end}
	return pipeline.TopicRecreated(a, known, func(offset int64) (consumer.Fingerprint, bool, error) {
		return t.Fingerprint(ctx, partition, offset)
	})
}

// Unchanged reports whether the last record of a ledger row is still at its offset. A
// record that was removed is no evidence, so that the topic counts as the same one.
func (t *Topic) Unchanged(ctx context.Context, partition int32, row schemas.LedgerRow) (bool, error) {
	f, found, err := t.Fingerprint(ctx, partition, row.LastOffset)
	if err != nil {
		return false, fmt.Errorf("read last read record %s/%d/%d: %w", t.name, partition, row.LastOffset, err)
	}
	return !found || pipeline.SameRecord(f, row), nil
}

// Fingerprint is consumer.FingerprintAt for this topic, with the timeout.
func (t *Topic) Fingerprint(ctx context.Context, partition int32, offset int64) (consumer.Fingerprint, bool, error) {
	bounded, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	at, found, err := t.FingerprintAt(bounded, t.name, partition, offset)
	return at, found, timeoutOf(ctx, bounded, err)
}

// timeoutOf returns ErrTimeout when the timeout ended the read, and not the caller.
func timeoutOf(ctx, bounded context.Context, err error) error {
	if err != nil && ctx.Err() == nil && wait.Expired(bounded) {
		return ErrTimeout
	}
	return err
}
