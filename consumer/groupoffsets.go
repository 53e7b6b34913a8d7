package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"
	"go.uber.org/zap"
)

// Offsets returns the Assignment of every partition of the configured topics, by
// topic and then partition, without joining the group. Committed is read before
// the log range, so the order of the reads never puts it past a HighWatermark. A
// ledger that is read after this call contains what the group had committed.
//
// It asks each broker for all of its partitions together. It retries temporary errors
// for three times kafka.request_timeout, then returns the last one.
func (c *Consumer) Offsets(ctx context.Context) ([]Assignment, error) {
	counts, err := c.partitionCounts(ctx)
	if err == nil {
		err = c.missing(counts)
	}
	if err != nil {
		return nil, err
	}
	var all []Assignment
	for _, topic := range c.cfg.Topics {
		for p := range counts[topic] {
			all = append(all, Assignment{Topic: topic, Partition: int32(p), Committed: -1})
		}
	}
	within, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	if err := c.retryLookup(within, "", 0, func() error { return c.committed(within, all) }); err != nil {
		return nil, fmt.Errorf("offsets of group %s: %w", c.cfg.Group, c.explainGroup(classify(err), err))
	}
	if err := c.logRanges(within, all); err != nil {
		return nil, err
	}
	return all, nil
}

// retryLookup calls try until it succeeds, ctx ends, or the error is permanent.
// It returns the last error rather than ctx's.
func (c *Consumer) retryLookup(ctx context.Context, topic string, partition int32, try func() error) error {
	pause := newPause()
	for {
		layout := c.transport.current()
		err := try()
		if err == nil {
			return nil
		}
		kind := classify(err)
		if ctx.Err() != nil || kind == KindNotAuthorized || kind == KindLogin {
			return err
		}
		c.hooks.fetchError(topic, partition, kind)
		c.log.Warn("offset lookup failed, retrying", zap.String("topic", topic), zap.Int32("partition", partition),
			zap.String("kind", string(kind)), zap.Error(err))
		if pause.wait(ctx) != nil {
			return err
		}
		if needsMetadata(kind) {
			c.transport.forget(layout)
		}
	}
}

// toCoordinator is an exchange with the coordinator of a group.
type toCoordinator struct {
	exchange
	group string
}

// Group implements protocol.GroupMessage.
func (t *toCoordinator) Group() string { return t.group }

// committed reads the group's offsets from the coordinator. An unknown offset
// stays -1.
func (c *Consumer) committed(ctx context.Context, all []Assignment) error {
	request := offsetfetch.Request{GroupID: c.cfg.Group}
	at := make(map[Position]*Assignment, len(all)) // by topic and partition
	for i := range all {
		a := &all[i]
		at[Position{Topic: a.Topic, Partition: a.Partition}] = a
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Name != a.Topic {
			request.Topics = append(request.Topics, offsetfetch.RequestTopic{Name: a.Topic})
		}
		topic := &request.Topics[len(request.Topics)-1]
		topic.PartitionIndexes = append(topic.PartitionIndexes, a.Partition)
	}
	ctx, cancel := context.WithTimeout(ctx, c.transport.DialTimeout+c.cfg.RequestTimeout)
	defer cancel()
	var response *offsetfetch.Response
	err := c.roundTrip(ctx, &toCoordinator{group: c.cfg.Group, exchange: exchange{
		ctx: ctx, client: c.cfg.ClientID, body: &request,
		read: readInto(protocol.OffsetFetch, &response),
	}})
	if err != nil {
		return err
	}
	if err := offsetFetchCode(response.ErrorCode); err != nil {
		return err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if err := offsetFetchCode(p.ErrorCode); err != nil {
				return fmt.Errorf("%s/%d: %w", topic.Name, p.PartitionIndex, err)
			}
			if a := at[Position{Topic: topic.Name, Partition: p.PartitionIndex}]; a != nil {
				a.Committed = max(p.CommittedOffset, -1)
			}
		}
	}
	return nil
}

// offsetFetchCode is the error of a response. A group that does not exist yet has
// committed nothing, which is not an error.
func offsetFetchCode(code int16) error {
	if err := kafka.Error(code); err != 0 && !errors.Is(err, kafka.GroupIdNotFound) {
		return err
	}
	return nil
}
