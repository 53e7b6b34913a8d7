package consumer

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
	"go.uber.org/zap"
)

// Consumer is a way to one Kafka cluster. Check, TimestampAt, NewReader and the
// Readers may be used at any time and from several goroutines; Run once at a
// time.
type Consumer struct {
	cfg       Config
	log       *zap.Logger
	hooks     Hooks
	addr      net.Addr
	login     sasl.Mechanism
	transport *transport
	free      workspaces
}

// New gives a consumer of a valid configuration. It does no I/O.
func New(cfg Config, log *zap.Logger, hooks Hooks) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	login, err := cfg.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if cfg.HeldSets <= 0 {
		cfg.HeldSets = defaultHeldSets
	}
	return &Consumer{
		cfg:       cfg,
		log:       log.Named("consumer"),
		hooks:     hooks,
		addr:      kafka.TCP(cfg.Brokers...),
		login:     login,
		transport: newTransport(cfg, login),
		free:      newWorkspaces(cfg.HeldSets),
	}, nil
}

// Close closes the connections that are not in use; those in use are closed
// when their request ends. The consumer may be used again, which opens new ones.
func (c *Consumer) Close() { c.transport.CloseIdleConnections() }

// TimestampAt gives the timestamp, in milliseconds since the Unix epoch, of the
// record at exactly that offset; found is false where there is none: compacted
// away, before the log's start or beyond its end. Another timestamp than the one
// that was read at a known offset means that the topic has been made anew under
// its name. What time or another broker can mend is tried again until ctx ends.
func (c *Consumer) TimestampAt(ctx context.Context, topic string, partition int32, offset int64) (timestamp int64, found bool, err error) {
	r := c.NewReader(topic, partition, offset)
	defer r.Close()
	// One byte, now: the broker gives the batch that holds the offset, whole.
	r.minBytes, r.maxBytes, r.maxWait = 0, 1, 0
	set, err := r.Next(ctx)
	if errors.Is(err, ErrTopicRecreated) {
		set, err = r.Next(ctx) // whichever topic it is now is the one that is asked about
	}
	switch {
	case errors.Is(err, ErrOffsetOutOfRange):
		return 0, false, nil
	case err != nil:
		return 0, false, fmt.Errorf("timestamp of %s/%d/%d: %w", topic, partition, offset, err)
	case len(set.Records) == 0 || set.Records[0].Offset != offset:
		return 0, false, nil
	}
	return set.Records[0].Timestamp, true, nil
}
