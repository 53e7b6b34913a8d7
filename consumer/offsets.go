package consumer

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// The timestamps with which ListOffsets returns the ends of a log.
const (
	earliest = -2
	latest   = -1
)

// listOffset returns one end of a partition's log from its leader. With
// ReadCommitted the last end is the last stable offset, otherwise the high
// watermark.
func (c *Consumer) listOffset(ctx context.Context, topic string, partition int32, which int64, isolation Isolation) (int64, error) {
	request := listoffsets.Request{
		ReplicaID: asConsumer,
		Topics: []listoffsets.RequestTopic{{
			Topic: topic,
			Partitions: []listoffsets.RequestPartition{{
				Partition: partition, CurrentLeaderEpoch: noEpoch, Timestamp: which,
			}},
		}},
	}
	if isolation == ReadCommitted {
		request.IsolationLevel = 1
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	var response *listoffsets.Response
	err := c.roundTrip(ctx, &toLeader{topic: topic, partition: partition, exchange: exchange{
		ctx: ctx, client: c.cfg.ClientID, body: &request,
		read: readInto(protocol.ListOffsets, &response),
	}})
	if err != nil {
		return 0, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, err)
	}
	for _, t := range response.Topics {
		for _, p := range t.Partitions {
			if t.Topic != topic || p.Partition != partition {
				continue
			}
			if p.ErrorCode != 0 {
				return 0, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, kafka.Error(p.ErrorCode))
			}
			return p.Offset, nil
		}
	}
	return 0, fmt.Errorf("list offsets of %s/%d: %w", topic, partition, kafka.UnknownTopicOrPartition)
}

// logRange returns the range [start, end) of a partition.
func (c *Consumer) logRange(ctx context.Context, topic string, partition int32) (start, end int64, err error) {
	if start, err = c.listOffset(ctx, topic, partition, earliest, ReadUncommitted); err != nil {
		return 0, 0, err
	}
	if end, err = c.listOffset(ctx, topic, partition, latest, ReadUncommitted); err != nil {
		return 0, 0, err
	}
	return start, end, nil
}
