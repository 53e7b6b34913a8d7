package trial

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// kafkaFaults are all that is tried: for each request of a consumer the errors that
// Kafka's protocol names for its answer, and what else a broker or the way to it
// does. An offset that is out of range for good is not here, but in the trial of
// losses.
func kafkaFaults() []kafkaFault {
	var all []kafkaFault
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
		kerr.OffsetOutOfRange) // which the leader then says is not so
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
	answer(commit, kerr.RequestTimedOut) // kfake has committed, and then says so
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

	all = append(all, answersSpoilt()...)
	all = append(all, movedLeaders, movedCoordinator)

	refused := answered(fetch, kerr.TopicAuthorizationFailed)
	refused.fatal = "TOPIC/…not authorized: topic TOPIC: allow this login to READ"
	unreadable := answered(fetch, kerr.UnsupportedCompressionType)
	unreadable.fatal = "fetch TOPIC/…Unsupported Compression"
	return append(all, refused, unreadable, damagedForGood)
}

// provoked are the requests that a consumer at work makes only when it joins: the
// group is made to.
var provoked = map[kmsg.Key]bool{
	kmsg.JoinGroup: true, kmsg.SyncGroup: true, kmsg.OffsetFetch: true, kmsg.ListOffsets: true,
	kmsg.FindCoordinator: true, kmsg.Metadata: true,
}

// clientVersions are below those that the publisher and who watches use: kafka-go
// asks in older ones.
var clientVersions = map[kmsg.Key]int16{kmsg.Metadata: 8, kmsg.FindCoordinator: 2, kmsg.OffsetFetch: 5}

// answered is an error that a broker answers until it has been met, to fetches twice
// in a row, instead of doing what was asked for (kfake.Fault names the exceptions).
func answered(f kfake.Fault, e *kerr.Error) kafkaFault {
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
	return kafkaFault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, r *round) (func() int, func(), error) {
		switch key {
		case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.FindCoordinator:
			f.Group = r.cfg.Kafka.Group
		case kmsg.Fetch:
			if !f.TopLevel {
				f.Topic = r.topic
			}
		default:
			f.Topic = r.topic
		}
		if most, bounded := clientVersions[key]; bounded {
			f.When = func(request kmsg.Request) bool { return request.GetVersion() <= most }
		}
		// Until it is taken away where it is to end the process.
		f.Err, f.Count = e, -1
		cluster := r.stage.broker.three.cluster
		h := cluster.Fault(f)
		if !provoked[key] {
			return h.Hits, h.Remove, nil
		}
		joins := cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: r.cfg.Kafka.Group, Err: kerr.RebalanceInProgress, Count: times})
		return h.Hits, func() { h.Remove(); joins.Remove() }, nil
	}}
}

// spoiltTimes is how often answers are spoilt in a row: less often than a batch that
// cannot be read is fetched.
const spoiltTimes = 2

// answersSpoilt are good answers that come to harm.
func answersSpoilt() []kafkaFault {
	var all []kafkaFault
	one := func(what string, times int, make func(r *round) *spoil, key kmsg.Key) {
		all = append(all, kafkaFault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, r *round) (func() int, func(), error) {
			s := make(r)
			s.key, s.left = key, times
			spoiler := r.stage.broker.three.spoiler
			spoiler.set(s)
			if !provoked[key] {
				return func() int { return spoiler.hit(s) }, func() { spoiler.set(nil) }, nil
			}
			joins := r.stage.broker.three.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: r.cfg.Kafka.Group, Err: kerr.RebalanceInProgress, Count: times})
			return func() int { return spoiler.hit(s) }, func() { spoiler.set(nil); joins.Remove() }, nil
		}})
	}
	const withRecords = 500 // bytes
	one("answer cut inside", spoiltTimes, func(*round) *spoil { return &spoil{least: withRecords, do: cutInside} }, kmsg.Fetch)
	one("connection reset", spoiltTimes, func(*round) *spoil { return &spoil{least: withRecords, do: reset} }, kmsg.Fetch)
	one("answer falls silent", 1, func(*round) *spoil { return &spoil{least: withRecords, do: silence} }, kmsg.Fetch)
	one("answers late", 5, func(*round) *spoil { return &spoil{do: late} }, kmsg.Fetch)
	one("batch damaged, and whole the next time", spoiltTimes, func(r *round) *spoil { return &spoil{do: damage(r.topic, -1)} }, kmsg.Fetch)
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.ListOffsets} {
		one("answer cut inside", 1, func(*round) *spoil { return &spoil{do: cutInside} }, key)
	}
	// These were committed.
	one("answer cut inside", spoiltTimes, func(*round) *spoil { return &spoil{do: cutInside} }, kmsg.OffsetCommit)
	one("answer falls silent", 1, func(*round) *spoil { return &spoil{do: silence} }, kmsg.OffsetCommit)
	return all
}

// damagedForGood is a batch that stays as it is, on one partition: nothing of it may
// be skipped.
var damagedForGood = kafkaFault{
	kind: kmsg.Fetch.Name(), what: "batch damaged for good", times: 1,
	fatal: "read TOPIC/3/…corrupt batch: its checksum is wrong…restore",
	put: func(_ context.Context, r *round) (func() int, func(), error) {
		spoiler := r.stage.broker.three.spoiler
		s := &spoil{key: kmsg.Fetch, left: -1, do: damage(r.topic, 3)}
		spoiler.set(s)
		return func() int { return spoiler.hit(s) }, func() { spoiler.set(nil) }, nil
	},
}

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
