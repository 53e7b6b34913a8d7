package trial

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// movedLeaders moves every partition to another broker, and the old ones say so.
var movedLeaders = kafkaFault{kind: "cluster", what: "leaders moved", times: 1, put: func(_ context.Context, r *round) (func() int, func(), error) {
	cluster := r.stage.broker.three.cluster
	left := map[int32]int32{}
	for p := range int32(partitions) {
		left[p] = cluster.LeaderFor(r.topic, p)
		if err := cluster.MoveTopicPartition(r.topic, p, (left[p]+1)%3); err != nil {
			return nil, nil, fmt.Errorf("move a leader: %w", err)
		}
	}
	// Met by a fetch of the new leader.
	var handles []*kfake.FaultHandle
	for p, old := range left {
		handles = append(handles, cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.Fetch}, Nodes: []int32{(old + 1) % 3}, Topic: r.topic, Partitions: []int32{p}, Observe: true, Count: -1,
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

// movedCoordinator gives the group to another broker.
var movedCoordinator = kafkaFault{kind: "cluster", what: "coordinator moved", times: 1, put: func(ctx context.Context, r *round) (func() int, func(), error) {
	cluster := r.stage.broker.three.cluster
	old := cluster.CoordinatorFor(r.cfg.Kafka.Group)
	for cluster.CoordinatorFor(r.cfg.Kafka.Group) == old {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		cluster.RehashCoordinators() // falls on the same one as often as on any
	}
	h := cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Heartbeat, kmsg.OffsetCommit}, Nodes: []int32{cluster.CoordinatorFor(r.cfg.Kafka.Group)},
		Observe: true, Count: -1,
	})
	return h.Hits, h.Remove, nil
}}
