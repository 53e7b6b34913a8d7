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

// Consumer reads from one Kafka cluster. Check, FingerprintAt, NewReader and the
// Readers are safe for concurrent use. Run may run once at a time.
type Consumer struct {
	cfg       Config
	log       *zap.Logger
	hooks     Hooks
	addr      net.Addr
	login     sasl.Mechanism
	transport *transport
	free      workspaces
	responses *responseMemory
	// lookups is for the response of FingerprintAt. A reader calls that while it
	// holds a response, so the two must not wait for the same memory.
	lookups *responseMemory
}

// New returns a consumer of a valid configuration. It does no I/O.
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
		responses: newResponseMemory(fetchMemory),
		lookups:   newResponseMemory(lookupMemory),
	}, nil
}

// Close closes idle connections; the others are closed when their request ends.
// The consumer may be used again and opens new connections.
func (c *Consumer) Close() { c.transport.CloseIdleConnections() }

// FingerprintAt returns the fingerprint of the record at exactly this offset. found is
// false when no record is there: compacted, before the log start, or past the end. When
// the fingerprint of a known offset has changed, the topic was recreated. It retries
// temporary errors until ctx ends.
func (c *Consumer) FingerprintAt(ctx context.Context, topic string, partition int32, offset int64) (_ Fingerprint, found bool, err error) {
	r := c.NewReader(topic, partition, offset)
	defer r.Close()
	// One byte without waiting: the broker returns the whole batch with the offset.
	r.minBytes, r.maxBytes, r.maxWait, r.memory = 0, 1, 0, c.lookups
	set, err := r.Next(ctx)
	if errors.Is(err, ErrTopicRecreated) {
		set, err = r.Next(ctx) // the current topic is the one in question
	}
	switch {
	case errors.Is(err, ErrOffsetOutOfRange):
		return Fingerprint{}, false, nil
	case err != nil:
		return Fingerprint{}, false, fmt.Errorf("fingerprint of %s/%d/%d: %w", topic, partition, offset, err)
	case len(set.Records) == 0 || set.Records[0].Offset != offset:
		return Fingerprint{}, false, nil
	}
	return FingerprintOf(set.Records[0]), true, nil
}
