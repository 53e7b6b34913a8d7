package pipeline

import (
	"testing"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestJudge is the table of everything that an assignment can find.
func TestJudge(t *testing.T) {
	const stamp = schemas.Millis(1_700_000_000_000)
	known := func(epoch uint32, next int64) sink.Position {
		return sink.Position{InLedger: true, Epoch: epoch, NextOffset: next, LastOffset: next - 1, LastTimestamp: stamp, ReadBelow: next}
	}
	log := func(committed, start, end int64) consumer.Assignment {
		return consumer.Assignment{Topic: "t", Partition: 3, Committed: committed, LogStart: start, HighWatermark: end, LastStable: end}
	}
	cases := []struct {
		name  string
		a     consumer.Assignment
		known sink.Position
		there schemas.Millis // the timestamp of the record at the ledger's last offset; 0 for none

		start int64
		epoch uint32
		cause schemas.LostCause
		lost  int64
		ahead int64
	}{
		{name: "a new group starts at the first offset", a: log(-1, 7, 20), start: 7},
		{name: "goes on where it committed", a: log(10, 0, 20), known: known(0, 10), there: stamp, start: 10},
		{name: "reads again what the ledger has beyond the commit", a: log(8, 0, 20), known: known(0, 10), there: stamp, start: 8},
		{name: "an empty topic", a: log(-1, 0, 0), start: 0},
		{name: "retention has passed the commit", a: log(10, 15, 20), known: known(0, 10),
			start: 15, cause: schemas.LostToRetention, lost: 5},
		{name: "retention has passed the commit of a group without a ledger", a: log(10, 15, 20),
			start: 15, cause: schemas.LostToRetention, lost: 5},
		{name: "retention has removed just what was read", a: log(10, 10, 20), known: known(0, 10), start: 10},
		{name: "the group's offsets are gone, the ledger shows what retention ate", a: log(-1, 15, 20), known: known(0, 10),
			start: 15, cause: schemas.LostToRetention, lost: 5},
		{name: "the group's offsets are gone, nothing else is", a: log(-1, 0, 20), known: known(0, 10), there: stamp, start: 0},
		{name: "the log ends before the commit", a: log(10, 0, 4), known: known(0, 10), there: stamp,
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated},
		{name: "the log ends before what the ledger saw, and Kafka forgot the group", a: log(-1, 0, 4), known: known(2, 10), there: stamp,
			start: 0, epoch: 3, cause: schemas.LostTopicRecreated},
		{name: "another record stands where the last one was", a: log(-1, 0, 50), known: known(0, 10), there: stamp + 1,
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated},
		{name: "compaction took the last record", a: log(10, 0, 50), known: known(0, 10), start: 10},
		{name: "a re-creation that was accepted before anything was read", a: log(10, 0, 4),
			known: sink.Position{InLedger: true, Epoch: 1, OnlyLost: true, LastOffset: -1},
			start: 0, epoch: 1, cause: schemas.LostTopicRecreated},
		{name: "an accepted re-creation stays accepted", a: log(0, 0, 4),
			known: sink.Position{InLedger: true, Epoch: 1, OnlyLost: true, LastOffset: -1}, start: 0, epoch: 1},
		{name: "someone moved the group forward", a: log(15, 0, 20), known: known(0, 10), there: stamp, start: 15, ahead: 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v, err := judge(c.a, c.known, func(offset int64) (schemas.Millis, bool, error) {
				if offset != c.known.LastOffset {
					t.Fatalf("looked at offset %d, the ledger's last is %d", offset, c.known.LastOffset)
				}
				return c.there, c.there != 0, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if v.start != c.start || v.epoch != c.epoch || v.lostCount != c.lost || v.ahead != c.ahead {
				t.Errorf("start %d epoch %d lost %d ahead %d, want %d %d %d %d",
					v.start, v.epoch, v.lostCount, v.ahead, c.start, c.epoch, c.lost, c.ahead)
			}
			var cause schemas.LostCause
			if v.lost != nil {
				cause = v.lost.Cause
			}
			if cause != c.cause {
				t.Errorf("cause %q, want %q", cause, c.cause)
			}
		})
	}
}
