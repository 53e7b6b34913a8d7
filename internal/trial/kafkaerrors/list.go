package kafkaerrors

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
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
