package consumer

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"golang.org/x/sync/errgroup"
)

// OffsetsForTime returns for each assignment the offset of the first record with this
// timestamp or a later one. It is -1 when the partition ends before. Kafka compares the
// timestamps that producers have set. It retries as Offsets does.
//
// A time before 1970 is asked for as 1970. To Kafka negative timestamps are other questions:
// -1 is the end of the log and -2 its start.
func (c *Consumer) OffsetsForTime(ctx context.Context, at time.Time, of []Assignment) ([]int64, error) {
	offsets := make([]int64, len(of))
	within, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	err := c.askLeaders(within, of, func(ctx context.Context, leader int32, indexes []int) error {
		found, err := c.leaderOffsets(ctx, leader, of, indexes, max(0, at.UnixMilli()), ReadUncommitted)
		for k, i := range indexes[:len(found)] {
			offsets[i] = found[k]
		}
		return err
	})
	return offsets, err
}

// RefreshAll is Refresh for many assignments: it asks each broker for all of its
// partitions together. It retries as Offsets does.
func (c *Consumer) RefreshAll(ctx context.Context, all []Assignment) error {
	within, cancel := context.WithTimeout(ctx, 3*c.cfg.RequestTimeout)
	defer cancel()
	return c.logRanges(within, all)
}

// logRanges fills in the log range of every assignment.
func (c *Consumer) logRanges(ctx context.Context, all []Assignment) error {
	return c.askLeaders(ctx, all, func(ctx context.Context, leader int32, indexes []int) error {
		starts, err := c.leaderOffsets(ctx, leader, all, indexes, earliest, ReadUncommitted)
		if err != nil {
			return err
		}
		ends, err := c.leaderOffsets(ctx, leader, all, indexes, latest, ReadUncommitted)
		if err != nil {
			return err
		}
		stable, err := c.leaderOffsets(ctx, leader, all, indexes, latest, ReadCommitted)
		if err != nil {
			return err
		}
		for k, i := range indexes {
			all[i].LogStart, all[i].HighWatermark, all[i].LastStable = starts[k], ends[k], stable[k]
		}
		return nil
	})
}

// askLeaders calls ask once for each leader, concurrently, with the indexes of its
// partitions in all: a topic may have hundreds of partitions. After a temporary error it
// looks the leaders up again and repeats what failed. It retries as retryLookup does.
func (c *Consumer) askLeaders(ctx context.Context, all []Assignment, ask func(ctx context.Context, leader int32, indexes []int) error) error {
	left := make([]int, len(all))
	for i := range left {
		left[i] = i
	}
	return c.retryLookup(ctx, "", 0, func() error {
		byLeader, err := c.leaders(ctx, all, left)
		if err != nil {
			return err
		}
		type answer struct {
			indexes []int
			err     error
		}
		answers := make(chan answer, len(byLeader)) // no sender waits
		var tasks errgroup.Group
		tasks.SetLimit(maxParallelLookups)
		for leader, indexes := range byLeader {
			tasks.Go(func() error {
				answers <- answer{indexes, ask(ctx, leader, indexes)}
				return nil
			})
		}
		_ = tasks.Wait() // the answers have the errors
		close(answers)
		left = left[:0]
		for one := range answers {
			if one.err != nil {
				left, err = append(left, one.indexes...), one.err
			}
		}
		return err
	})
}

// leaders looks up the leader of these partitions, and groups their indexes by it.
func (c *Consumer) leaders(ctx context.Context, all []Assignment, indexes []int) (map[int32][]int, error) {
	response, err := c.metadata(ctx)
	if err != nil {
		return nil, err
	}
	leader := make(map[Position]int32, len(all)) // by topic and partition
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			leader[Position{Topic: topic.Name, Partition: p.PartitionIndex}] = p.LeaderID
		}
	}
	grouped := map[int32][]int{}
	for _, i := range indexes {
		id, known := leader[Position{Topic: all[i].Topic, Partition: all[i].Partition}]
		switch {
		case !known:
			return nil, fmt.Errorf("leader of %s/%d: %w", all[i].Topic, all[i].Partition, kafka.UnknownTopicOrPartition)
		case id < 0:
			return nil, fmt.Errorf("leader of %s/%d: %w", all[i].Topic, all[i].Partition, kafka.LeaderNotAvailable)
		}
		grouped[id] = append(grouped[id], i)
	}
	return grouped, nil
}

// leaderOffsets asks one leader for one offset of each of its partitions, in the order of
// indexes. which and isolation are those of listOffset, or a timestamp.
func (c *Consumer) leaderOffsets(ctx context.Context, leader int32, all []Assignment, indexes []int, which int64, isolation Isolation) ([]int64, error) {
	request := listoffsets.Request{ReplicaID: asConsumer}
	if isolation == ReadCommitted {
		request.IsolationLevel = 1
	}
	for _, i := range indexes {
		if n := len(request.Topics); n == 0 || request.Topics[n-1].Topic != all[i].Topic {
			request.Topics = append(request.Topics, listoffsets.RequestTopic{Topic: all[i].Topic})
		}
		topic := &request.Topics[len(request.Topics)-1]
		topic.Partitions = append(topic.Partitions, listoffsets.RequestPartition{
			Partition: all[i].Partition, CurrentLeaderEpoch: noEpoch, Timestamp: which,
		})
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	var response *listoffsets.Response
	err := c.roundTrip(ctx, &toBroker{id: leader, exchange: exchange{
		ctx: ctx, client: c.cfg.ClientID, body: &request,
		read: readInto(protocol.ListOffsets, &response),
	}})
	if err != nil {
		return nil, fmt.Errorf("list offsets of %d partitions: %w", len(indexes), err)
	}
	return offsetsIn(response, all, indexes)
}

// offsetsIn takes the offsets out of a response, in the order of indexes.
func offsetsIn(response *listoffsets.Response, all []Assignment, indexes []int) ([]int64, error) {
	found := make(map[Position]int64, len(indexes)) // by topic and partition
	for _, topic := range response.Topics {
		for _, p := range topic.Partitions {
			if p.ErrorCode != 0 {
				return nil, fmt.Errorf("list offsets of %s/%d: %w", topic.Topic, p.Partition, kafka.Error(p.ErrorCode))
			}
			found[Position{Topic: topic.Topic, Partition: p.Partition}] = p.Offset
		}
	}
	offsets := make([]int64, len(indexes))
	for k, i := range indexes {
		offset, answered := found[Position{Topic: all[i].Topic, Partition: all[i].Partition}]
		if !answered {
			return nil, fmt.Errorf("list offsets of %s/%d: %w", all[i].Topic, all[i].Partition, kafka.UnknownTopicOrPartition)
		}
		offsets[k] = offset
	}
	return offsets, nil
}

// toBroker is an exchange with one broker.
type toBroker struct {
	exchange
	id int32
	at string // its address, set by Broker
}

func (b *toBroker) address() string { return b.at }

// Broker implements protocol.BrokerMessage.
func (b *toBroker) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	broker, ok := cluster.Brokers[b.id]
	if !ok {
		return protocol.Broker{}, kafka.BrokerNotAvailable
	}
	b.at = net.JoinHostPort(broker.Host, strconv.Itoa(int(broker.Port)))
	return broker, nil
}
