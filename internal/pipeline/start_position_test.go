package pipeline

import (
	"slices"
	"testing"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestJudge is the table of everything that an assignment can find.
func TestJudge(t *testing.T) {
	const stamp = schemas.Millis(1_700_000_000_000)
	known := func(epoch uint32, next int64) sink.Position {
		return sink.Position{InLedger: true, Epoch: epoch, Reached: next, LastOffset: next - 1, LastTimestamp: stamp, ReadBelow: next}
	}
	untimed := func(next int64) sink.Position { // the last record has no timestamp
		return sink.Position{InLedger: true, Reached: next, LastOffset: next - 1, LastPayload: "a", ReadBelow: next}
	}
	opened := func(epoch uint32, next int64) sink.Position { // by a lost range, and nothing read since
		return sink.Position{InLedger: true, Epoch: epoch, OnlyLost: true, Reached: next, LastOffset: -1}
	}
	log := func(committed, start, end int64) consumer.Assignment {
		return consumer.Assignment{Topic: "t", Partition: 3, Committed: committed, LogStart: start, HighWatermark: end, LastStable: end}
	}
	lost := func(start, next int64) []sink.Range { return []sink.Range{{Start: start, Next: next}} }
	cases := []struct {
		name  string
		a     consumer.Assignment
		known sink.Position
		there schemas.Millis // the timestamp of the record at the ledger's last offset; 0 for none
		hash  string         // of that record, when it has no timestamp
		gaps  []sink.Range   // what the ledger says when it is asked

		start int64
		epoch uint32
		cause schemas.LostCause
		lost  []sink.Range
	}{
		{name: "a new group starts at the first offset", a: log(-1, 7, 20), start: 7},
		{name: "continues where it committed", a: log(10, 0, 20), known: known(0, 10), there: stamp, start: 10},
		{name: "reads again what the ledger has beyond the commit", a: log(8, 0, 20), known: known(0, 10), there: stamp, start: 8},
		{name: "an empty topic", a: log(-1, 0, 0), start: 0},
		{name: "retention has passed the commit", a: log(10, 15, 20), known: known(0, 10),
			start: 15, cause: schemas.LostToRetention, lost: lost(10, 15)},
		{name: "retention has passed the commit of a group without a ledger", a: log(10, 15, 20),
			start: 15, cause: schemas.LostToRetention, lost: lost(10, 15)},
		{name: "retention has removed just what was read", a: log(10, 10, 20), known: known(0, 10), start: 10},
		{name: "retention has passed a commit that a crash has left behind the ledger", a: log(6, 9, 20), known: known(0, 10), there: stamp, start: 9},
		{name: "and the ledger too", a: log(6, 15, 20), known: known(0, 10), gaps: lost(10, 15),
			start: 15, cause: schemas.LostToRetention, lost: lost(10, 15)},
		{name: "what somebody had stepped over, and retention took when he came back", a: log(2, 15, 20), known: known(0, 12),
			gaps:  []sink.Range{{Start: 4, Next: 6}, {Start: 12, Next: 15}},
			start: 15, cause: schemas.LostToRetention, lost: []sink.Range{{Start: 4, Next: 6}, {Start: 12, Next: 15}}},
		{name: "the group's offsets are gone, the ledger shows what retention ate", a: log(-1, 15, 20), known: known(0, 10),
			start: 15, cause: schemas.LostToRetention, lost: lost(10, 15)},
		{name: "the group's offsets are gone after a loss was accepted, and retention continued", a: log(-1, 15, 20), known: opened(1, 3),
			start: 15, epoch: 1, cause: schemas.LostToRetention, lost: lost(3, 15)},
		{name: "the group's offsets are gone, nothing else is", a: log(-1, 0, 20), known: known(0, 10), there: stamp, start: 0},
		{name: "the log ends before the commit", a: log(10, 0, 4), known: known(0, 10), there: stamp,
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "the log ends before the commit of a group without a ledger", a: log(10, 0, 4),
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "the log ends before what the ledger saw, and Kafka forgot the group", a: log(-1, 0, 4), known: known(2, 10), there: stamp,
			start: 0, epoch: 3, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "another record stands where the last one was", a: log(-1, 0, 50), known: known(0, 10), there: stamp + 1,
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "another record, and the group's position has outlived the old topic", a: log(10, 0, 50), known: known(0, 10), there: stamp + 1,
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "another record without a timestamp stands where the last one was", a: log(10, 0, 50), known: untimed(10), hash: "b",
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "the same record without a timestamp", a: log(10, 0, 50), known: untimed(10), hash: "a", start: 10},
		{name: "a record with a timestamp where the last one had none", a: log(10, 0, 50), known: untimed(10), there: stamp, hash: "a",
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "a ledger that kept no hash", a: log(10, 0, 50), known: sink.Position{InLedger: true, Reached: 10, LastOffset: 9, ReadBelow: 10}, hash: "b", start: 10},
		{name: "compaction took the last record", a: log(10, 0, 50), known: known(0, 10), start: 10},
		{name: "a re-creation that was accepted and never committed", a: log(10, 0, 4), known: opened(1, 0), start: 0, epoch: 1},
		{name: "and the new topic has grown beyond the old position", a: log(10, 0, 40), known: opened(1, 0), start: 0, epoch: 1},
		{name: "the log ends before what was accepted as lost", a: log(-1, 0, 2), known: opened(1, 3),
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated, lost: lost(0, 0)},
		{name: "an accepted re-creation stays accepted", a: log(0, 0, 4), known: opened(1, 0), start: 0, epoch: 1},
		{name: "someone moved the group forward", a: log(15, 0, 20), known: known(0, 10), there: stamp,
			start: 15, cause: schemas.LostToMovedOffset, lost: lost(10, 15)},
		{name: "someone moved the group forward, and retention followed", a: log(15, 17, 20), known: known(0, 10),
			start: 17, cause: schemas.LostToMovedOffset, lost: lost(10, 17)},
		{name: "someone moved the group beyond the end", a: log(99, 0, 20), known: known(0, 10), there: stamp,
			start: 20, cause: schemas.LostToMovedOffset, lost: lost(10, 20)},
		{name: "someone moved the group beyond the end, where it was", a: log(99, 0, 10), known: known(0, 10), there: stamp, start: 10},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, err := decideStart(c.a, c.known, func(offset int64) (lastRecord, bool, error) {
				if offset != c.known.LastOffset {
					t.Fatalf("looked at offset %d, the ledger's last is %d", offset, c.known.LastOffset)
				}
				return lastRecord{c.there, c.hash}, c.there != 0 || c.hash != "", nil
			}, func(within sink.Range) ([]sink.Range, error) {
				if within.Start != c.a.Committed || within.Next != c.a.LogStart {
					t.Fatalf("asked the ledger about %v", within)
				}
				return c.gaps, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if v.offset != c.start || v.epoch != c.epoch {
				t.Errorf("start %d epoch %d, want %d %d", v.offset, v.epoch, c.start, c.epoch)
			}
			var ranges []sink.Range
			for _, row := range v.lost {
				ranges = append(ranges, sink.Range{Start: row.StartOffset, Next: row.NextOffset})
				if row.Cause != c.cause || row.Epoch != c.epoch || row.Partition != 3 {
					t.Errorf("lost %+v, want cause %q", row, c.cause)
				}
			}
			if !slices.Equal(ranges, c.lost) {
				t.Errorf("lost %v, want %v", ranges, c.lost)
			}
		})
	}
}
