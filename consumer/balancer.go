package consumer

import "github.com/segmentio/kafka-go"

// balancers are kafka-go's, in its order. Each also records its input.
func (c *Consumer) balancers(known *topics) []kafka.GroupBalancer {
	return []kafka.GroupBalancer{
		countingBalancer{kafka.RangeGroupBalancer{}, c.cfg.Topics, known},
		countingBalancer{kafka.RoundRobinGroupBalancer{}, c.cfg.Topics, known},
	}
}

// countingBalancer records how many partitions an assignment was made from. A
// broker that has just started, or does not know a topic yet, gives the group
// leader too few partitions. kafka-go assigns those, and nobody reads the others
// until the next rebalance. The next metadata check sees the difference.
type countingBalancer struct {
	kafka.GroupBalancer
	topics []string
	known  *topics
}

// AssignGroups implements kafka.GroupBalancer. kafka-go calls it in the group
// leader after its last generation is over.
func (w countingBalancer) AssignGroups(members []kafka.GroupMember, partitions []kafka.Partition) kafka.GroupMemberAssignments {
	counts := make(map[string]int, len(w.topics))
	for _, topic := range w.topics {
		counts[topic] = 0
	}
	for _, p := range partitions {
		if _, ours := counts[p.Topic]; ours {
			counts[p.Topic]++
		}
	}
	w.known.changed(counts)
	return w.GroupBalancer.AssignGroups(members, partitions)
}
