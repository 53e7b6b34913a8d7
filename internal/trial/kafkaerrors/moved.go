package kafkaerrors

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/trial/harness"
)

// movedLeaders moves every partition to another broker.
var movedLeaders = fault{kind: "cluster", what: "leaders moved", times: 1, put: func(_ context.Context, s *scenario) (func() int, func(), error) {
	cluster := s.brokers.cluster
	left := map[int32]int32{}
	for p := range int32(harness.Partitions) {
		left[p] = cluster.LeaderFor(s.Topic, p)
		if err := cluster.MoveTopicPartition(s.Topic, p, (left[p]+1)%3); err != nil {
			return nil, nil, fmt.Errorf("move a leader: %w", err)
		}
	}
	// A fetch from the new leader meets it.
	var handles []*kfake.FaultHandle
	for p, old := range left {
		handles = append(handles, cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Fetch}, Nodes: []int32{(old + 1) % 3}, Topic: s.Topic, Partitions: []int32{p}, Observe: true, Count: -1,
		}))
	}
	met := func() int {
		for _, h := range handles {
			if h.Hits() == 0 {
				return 0
			}
		}
		return 1
	}
	return met, func() {
		for _, h := range handles {
			h.Remove()
		}
	}, nil
}}

// movedCoordinator moves the group to another broker.
var movedCoordinator = fault{kind: "cluster", what: "coordinator moved", times: 1, put: func(ctx context.Context, s *scenario) (func() int, func(), error) {
	cluster := s.brokers.cluster
	old := cluster.CoordinatorFor(s.Config.Kafka.Group)
	for cluster.CoordinatorFor(s.Config.Kafka.Group) == old {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		cluster.RehashCoordinators() // may choose the same one
	}
	h := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.OffsetCommit}, Nodes: []int32{cluster.CoordinatorFor(s.Config.Kafka.Group)},
		Observe: true, Count: -1,
	})
	return h.Hits, h.Remove, nil
}}
