package consumer

import "github.com/segmentio/kafka-go"

// balancers are kafka-go's own, in its order, but each tells what it was given.
func (c *Consumer) balancers(known *topics) []kafka.GroupBalancer {
	return []kafka.GroupBalancer{
		countingBalancer{kafka.RangeGroupBalancer{}, c.cfg.Topics, known},
		countingBalancer{kafka.RoundRobinGroupBalancer{}, c.cfg.Topics, known},
	}
}

// witness keeps how many partitions an assignment was made from. A broker that has
// just started, or has not heard of a topic yet, gives the group's leader too few
// of them or none, and kafka-go hands those out without a word: the others would
// be read by nobody until the group rebalances for another reason. The next look
// at the topics sees the difference.
type countingBalancer struct {
	kafka.GroupBalancer
	topics []string
	known  *topics
}

// AssignGroups implements kafka.GroupBalancer. kafka-go calls it in the member
// that leads the group, after its last generation is over.
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
