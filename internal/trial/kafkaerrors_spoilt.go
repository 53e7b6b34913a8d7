package trial

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

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
