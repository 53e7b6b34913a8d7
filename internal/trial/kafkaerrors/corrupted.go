package kafkaerrors

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/pianola/pianola/internal/trial/corruptor"
)

// corruptedTimes is how often answers are corrupted in a row: less often than a batch that
// cannot be read is fetched again.
const corruptedTimes = 2

// corrupted are good answers that are cut, delayed or damaged.
func corrupted() []fault {
	var all []fault
	one := func(what string, times int, effect func(topic string) corruptor.Effect, minSize int, key kmsg.Key) {
		all = append(all, fault{kind: key.Name(), what: what, times: times, put: func(_ context.Context, s *scenario) (func() int, func(), error) {
			hits, undo := s.corrupt(&corruptor.Corruption{Key: key, MinSize: minSize, Left: times, Effect: effect(s.Topic)})
			return hits, s.andRejoin(key, times, undo), nil
		}})
	}
	always := func(e corruptor.Effect) func(string) corruptor.Effect {
		return func(string) corruptor.Effect { return e }
	}
	const withRecords = 500 // bytes
	one("answer cut inside", corruptedTimes, always(corruptor.CutInside), withRecords, kmsg.Fetch)
	one("connection reset", corruptedTimes, always(corruptor.Reset), withRecords, kmsg.Fetch)
	one("answer falls silent", 1, always(corruptor.Silence), withRecords, kmsg.Fetch)
	one("answers late", 5, always(corruptor.Late), 0, kmsg.Fetch)
	one("batch damaged, and whole the next time", corruptedTimes, func(topic string) corruptor.Effect { return corruptor.Damage(topic, -1) }, 0, kmsg.Fetch)
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetFetch, kmsg.ListOffsets} {
		one("answer cut inside", 1, always(corruptor.CutInside), 0, key)
	}
	// These were committed.
	one("answer cut inside", corruptedTimes, always(corruptor.CutInside), 0, kmsg.OffsetCommit)
	one("answer falls silent", 1, always(corruptor.Silence), 0, kmsg.OffsetCommit)
	return all
}

// damagedForGood is a batch in one partition that stays damaged. No part of it may be
// skipped.
var damagedForGood = fault{
	kind: kmsg.Fetch.Name(), what: "batch damaged for good", times: 1,
	fatal: "read TOPIC/3/…corrupt batch: its checksum is wrong…restore",
	put: func(_ context.Context, s *scenario) (func() int, func(), error) {
		hits, undo := s.corrupt(&corruptor.Corruption{Key: kmsg.Fetch, Left: -1, Effect: corruptor.Damage(s.Topic, 3)})
		return hits, undo, nil
	},
}

func (s *scenario) corrupt(c *corruptor.Corruption) (hits func() int, undo func()) {
	s.brokers.corruptor.Set(c)
	return func() int { return s.brokers.corruptor.Hits(c) }, func() { s.brokers.corruptor.Set(nil) }
}
