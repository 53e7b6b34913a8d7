package kafkaerrors

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/trial/harness"
)

// allFaults are all that is tried: for each request of a consumer the errors that Kafka's
// protocol has for its answer, and what else a broker or the network does. An offset that
// stays out of range is not here, but in package loss.
func allFaults() []fault {
	var all []fault
	answer := func(f kfake.Fault, errs ...*kerr.Error) {
		for _, e := range errs {
			all = append(all, answered(f, e))
		}
	}
	fetch := kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}}
	answer(fetch,
		kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.ReplicaNotAvailable, kerr.BrokerNotAvailable, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID,
		kerr.InconsistentTopicID, kerr.KafkaStorageError, kerr.CorruptMessage, kerr.UnknownServerError,
		kerr.OffsetNotAvailable, kerr.RequestTimedOut, kerr.NetworkException, kerr.ThrottlingQuotaExceeded,
		kerr.OffsetOutOfRange) // which the leader's log start and end then contradict
	top := fetch
	top.TopLevel = true
	answer(top, kerr.FetchSessionIDNotFound, kerr.InvalidFetchSessionEpoch, kerr.FetchSessionTopicIDError, kerr.UnknownServerError)

	coordinator := []*kerr.Error{kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.CoordinatorLoadInProgress}
	member := []*kerr.Error{kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.FencedInstanceID}
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit} {
		f := kfake.Fault{Keys: []kmsg.Key{key}}
		answer(f, coordinator...)
		answer(f, member...)
		answer(f, kerr.UnknownServerError, kerr.GroupAuthorizationFailed)
		if key != kmsg.JoinGroup {
			answer(f, kerr.IllegalGeneration)
		}
	}
	answer(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}}, kerr.MemberIDRequired, kerr.GroupMaxSizeReached, kerr.InconsistentGroupProtocol)
	commit := kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}}
	answer(commit, kerr.RequestTimedOut) // after kfake has committed
	commit.Partitions = []int32{2}
	answer(commit, kerr.UnknownTopicOrPartition, kerr.TopicAuthorizationFailed, kerr.InvalidCommitOffsetSize)
	answer(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetFetch}}, append(coordinator, kerr.UnstableOffsetCommit, kerr.UnknownTopicOrPartition)...)
	answer(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}},
		kerr.NotLeaderForPartition, kerr.LeaderNotAvailable, kerr.FencedLeaderEpoch, kerr.UnknownLeaderEpoch,
		kerr.ReplicaNotAvailable, kerr.OffsetNotAvailable, kerr.KafkaStorageError, kerr.UnknownTopicOrPartition, kerr.UnknownServerError)
	answer(kfake.Fault{Keys: []kmsg.Key{kmsg.FindCoordinator}}, kerr.CoordinatorNotAvailable, kerr.UnknownServerError)
	metadata := kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}}
	answer(metadata, kerr.UnknownTopicOrPartition, kerr.LeaderNotAvailable)
	metadata.Partitions = []int32{1}
	answer(metadata, kerr.LeaderNotAvailable, kerr.ReplicaNotAvailable)

	all = append(all, corrupted()...)
	all = append(all, movedLeaders, movedCoordinator)

	refused := answered(fetch, kerr.TopicAuthorizationFailed)
	refused.fatal = "TOPIC/…not authorized: topic TOPIC: allow this login to READ"
	unreadable := answered(fetch, kerr.UnsupportedCompressionType)
	unreadable.fatal = "fetch TOPIC/…Unsupported Compression"
	return append(all, refused, unreadable, damagedForGood)
}

// joinRequests are those that a consumer sends only when it joins: to meet them, the group
// has to rejoin.
var joinRequests = map[kmsg.Key]bool{
	kmsg.JoinGroup: true, kmsg.SyncGroup: true, kmsg.OffsetFetch: true, kmsg.ListOffsets: true,
	kmsg.FindCoordinator: true, kmsg.Metadata: true,
}

// clientVersions are the newest versions that kafka-go uses. Those of the publisher and of
// the harness are newer, and must not meet the fault.
var clientVersions = map[kmsg.Key]int16{kmsg.Metadata: 8, kmsg.FindCoordinator: 2, kmsg.OffsetFetch: 5}

// answered is an error that a broker answers instead of executing the request (kfake.Fault
// names the exceptions). A fetch has to meet it twice.
func answered(f kfake.Fault, e *kerr.Error) fault {
	key := f.Keys[0]
	what := e.Message
	switch {
	case f.TopLevel:
		what += " for the whole request"
	case len(f.Partitions) > 0:
		what += " for one partition"
	}
	times := 1
	if key == kmsg.Fetch {
		times = 2
	}
	return fault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, s *scenario) (func() int, func(), error) {
		switch key {
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.FindCoordinator:
			f.Group = s.Config.Kafka.Group
		default:
			if !f.TopLevel {
				f.Topic = s.Topic
			}
		}
		if most, bounded := clientVersions[key]; bounded {
			f.When = func(request kmsg.Request) bool { return request.GetVersion() <= most }
		}
		// It stays until it is removed: a fatal one has to end the process.
		f.Err, f.Count = e, -1
		h := s.brokers.cluster.Fault(f)
		return h.Hits, s.andRejoin(key, times, h.Remove), nil
	}}
}

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

// corruptedTimes is how often answers are corrupted in a row: less often than a batch that
// cannot be read is fetched again.
const corruptedTimes = 2

// corrupted are good answers that are cut, delayed or damaged.
func corrupted() []fault {
	var all []fault
	one := func(what string, times int, change func(topic string) effect, minSize int, key kmsg.Key) {
		all = append(all, fault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, s *scenario) (func() int, func(), error) {
			hits, undo := s.corrupt(&corruption{key: key, minSize: minSize, most: times, effect: change(s.Topic)})
			return hits, s.andRejoin(key, times, undo), nil
		}})
	}
	always := func(e effect) func(string) effect {
		return func(string) effect { return e }
	}
	const withRecords = 500 // bytes
	one("answer cut inside", corruptedTimes, always(cutInside), withRecords, kmsg.Fetch)
	one("connection reset", corruptedTimes, always(reset), withRecords, kmsg.Fetch)
	one("answer falls silent", 1, always(silence), withRecords, kmsg.Fetch)
	one("answers late", 5, always(late), 0, kmsg.Fetch)
	one("batch damaged, and whole the next time", corruptedTimes, func(topic string) effect { return damage(topic, -1) }, 0, kmsg.Fetch)
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.ListOffsets} {
		one("answer cut inside", 1, always(cutInside), 0, key)
	}
	// These were committed.
	one("answer cut inside", corruptedTimes, always(cutInside), 0, kmsg.OffsetCommit)
	one("answer falls silent", 1, always(silence), 0, kmsg.OffsetCommit)
	return all
}

// damagedForGood is a batch in one partition that stays damaged. No part of it may be
// skipped.
var damagedForGood = fault{
	kind: kmsg.Fetch.Name(), what: "batch damaged for good", times: 1,
	fatal: "read TOPIC/3/…corrupt batch: its checksum is wrong…restore",
	put: func(_ context.Context, s *scenario) (func() int, func(), error) {
		hits, undo := s.corrupt(&corruption{key: kmsg.Fetch, effect: damage(s.Topic, 3)})
		return hits, undo, nil
	},
}

func (s *scenario) corrupt(c *corruption) (hits func() int, undo func()) {
	s.brokers.corruption.Store(c)
	return func() int { return int(c.hits.Load()) }, func() { s.brokers.corruption.Store(nil) }
}
