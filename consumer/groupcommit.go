package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
)

// noGeneration marks a commit from outside of the group.
const noGeneration = -1

// CommitOffsets sets the group's committed offsets from outside, in one request. The
// broker refuses it with ErrGroupActive while the group has members, also one that has
// joined since Describe. It retries as Offsets does: a repetition sets the same offsets.
// After another error some of them may be set.
func (c *Consumer) CommitOffsets(ctx context.Context, positions []Position) error {
	if len(positions) == 0 {
		return nil
	}
	request := offsetcommit.Request{GroupID: c.cfg.Group, GenerationID: noGeneration, RetentionTimeMs: -1}
	for _, p := range positions {
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Name != p.Topic {
			request.Topics = append(request.Topics, offsetcommit.RequestTopic{Name: p.Topic})
		}
		topic := &request.Topics[len(request.Topics)-1]
		topic.Partitions = append(topic.Partitions, offsetcommit.RequestPartition{
			PartitionIndex: p.Partition, CommittedOffset: p.Offset, CommitTimestamp: -1, CommittedLeaderEpoch: noEpoch,
		})
	}
	within, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	var refused error
	err := c.retryLookup(within, "", 0, func() error {
		err := c.commitOnce(within, &request)
		if isActiveGroup(err) {
			refused = err
			return nil // a repetition would be refused too
		}
		return err
	})
	switch {
	case refused != nil:
		return fmt.Errorf("commit offsets of group %s: %w (%w)", c.cfg.Group, ErrGroupActive, refused)
	case err != nil:
		return fmt.Errorf("commit offsets of group %s: %w", c.cfg.Group, c.explainGroup(classify(err), err))
	}
	return nil
}

// isActiveGroup reports whether a commit was refused because the group has members.
// UnsupportedVersion is an answer for members with Kafka's newer consumer protocol.
func isActiveGroup(err error) bool {
	for _, code := range []kafka.Error{kafka.UnknownMemberId, kafka.IllegalGeneration, kafka.RebalanceInProgress, kafka.UnsupportedVersion} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// commitOnce sends the commit once, and returns the error of the first partition that has
// one.
func (c *Consumer) commitOnce(ctx context.Context, request *offsetcommit.Request) error {
	ctx, cancel := context.WithTimeout(ctx, c.transport.DialTimeout+c.cfg.RequestTimeout)
	defer cancel()
	var response *offsetcommit.Response
	err := c.roundTrip(ctx, &toCoordinator{group: c.cfg.Group, exchange: exchange{
		ctx: ctx, client: c.cfg.ClientID, body: request,
		read: readInto(protocol.OffsetCommit, &response),
	}})
	if err != nil {
		return err
	}
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				return fmt.Errorf("%s/%d: %w", topic.Name, p.PartitionIndex, kafka.Error(p.ErrorCode))
			}
		}
	}
	return nil
}
