package trial

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/trial/spoil"
)

// spoiltTimes is how often answers are spoilt in a row: less often than a batch that
// cannot be read is fetched.
const spoiltTimes = 2

// answersSpoilt are good answers that come to harm.
func answersSpoilt() []kafkaFault {
	var all []kafkaFault
	one := func(what string, times int, make func(r *round) *spoil.Spoil, key kmsg.Key) {
		all = append(all, kafkaFault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, r *round) (func() int, func(), error) {
			s := make(r)
			s.Key, s.Left = key, times
			spoiler := r.stage.broker.three.spoiler
			spoiler.Set(s)
			if !provoked[key] {
				return func() int { return spoiler.Hit(s) }, func() { spoiler.Set(nil) }, nil
			}
			joins := r.stage.broker.three.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Group: r.cfg.Kafka.Group, Err: kerr.RebalanceInProgress, Count: times})
			return func() int { return spoiler.Hit(s) }, func() { spoiler.Set(nil); joins.Remove() }, nil
		}})
	}
	const withRecords = 500 // bytes
	one("answer cut inside", spoiltTimes, func(*round) *spoil.Spoil { return &spoil.Spoil{Least: withRecords, Do: spoil.CutInside} }, kmsg.Fetch)
	one("connection reset", spoiltTimes, func(*round) *spoil.Spoil { return &spoil.Spoil{Least: withRecords, Do: spoil.Reset} }, kmsg.Fetch)
	one("answer falls silent", 1, func(*round) *spoil.Spoil { return &spoil.Spoil{Least: withRecords, Do: spoil.Silence} }, kmsg.Fetch)
	one("answers late", 5, func(*round) *spoil.Spoil { return &spoil.Spoil{Do: spoil.Late} }, kmsg.Fetch)
	one("batch damaged, and whole the next time", spoiltTimes, func(r *round) *spoil.Spoil { return &spoil.Spoil{Do: spoil.Damage(r.topic, -1)} }, kmsg.Fetch)
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.ListOffsets} {
		one("answer cut inside", 1, func(*round) *spoil.Spoil { return &spoil.Spoil{Do: spoil.CutInside} }, key)
	}
	// These were committed.
	one("answer cut inside", spoiltTimes, func(*round) *spoil.Spoil { return &spoil.Spoil{Do: spoil.CutInside} }, kmsg.OffsetCommit)
	one("answer falls silent", 1, func(*round) *spoil.Spoil { return &spoil.Spoil{Do: spoil.Silence} }, kmsg.OffsetCommit)
	return all
}

// damagedForGood is a batch that stays as it is, on one partition: nothing of it may
// be skipped.
var damagedForGood = kafkaFault{
	kind: kmsg.Fetch.Name(), what: "batch damaged for good", times: 1,
	fatal: "read TOPIC/3/…corrupt batch: its checksum is wrong…restore",
	put: func(_ context.Context, r *round) (func() int, func(), error) {
		spoiler := r.stage.broker.three.spoiler
		s := &spoil.Spoil{Key: kmsg.Fetch, Left: -1, Do: spoil.Damage(r.topic, 3)}
		spoiler.Set(s)
		return func() int { return spoiler.Hit(s) }, func() { spoiler.Set(nil) }, nil
	},
}
