package world

import (
	"crypto/sha256"
	"fmt"
	"iter"

	"github.com/pianola/pianola/schemas"
)

// TruthUnder returns the truth of a topic that was read under these rules.
func (w *World) TruthUnder(rules Rules) (*Truth, error) {
	compiled, err := rules.compile()
	if err != nil {
		return nil, err
	}
	return w.newTruth(compiled, make([]int64, w.cfg.Partitions)).all(), nil
}

// Replay is a change of the rules after which the whole topic was read again in place.
type Replay struct {
	Before, After Rules
	// Until has for each partition the offset where the consumer read on under the rules
	// After. Earlier messages have been read under both.
	Until []int64
	// Additions are the records between the messages of the world.
	Additions []Addition
}

// TruthAfterReplay returns the truth after a replay in place.
//
// It equals TruthUnder of the later rules but for three things. The counts of the ledger
// are those of the first reading. A dead letter of the first reading that now passes is
// resolved. And a row may be an heir: where an earlier reading gave its identity to a
// message of a higher version, the row has that version, because it took over from it.
func (w *World) TruthAfterReplay(r Replay) (*Truth, error) {
	if len(r.Until) != w.cfg.Partitions {
		return nil, fmt.Errorf("%w: %d partitions, want %d", errRules, len(r.Until), w.cfg.Partitions)
	}
	readings, err := w.readings(r)
	if err != nil {
		return nil, err
	}
	after, err := r.After.compile()
	if err != nil {
		return nil, err
	}
	b := w.newTruth(after, make([]int64, w.cfg.Partitions))
	b.tr.winners, b.tr.added = newWinnersByID(), newAdditions(r.Additions)
	tr := b.all()
	tr.Counts = Counts{Rows: tr.Counts.Rows - len(r.Additions), Redelivered: tr.Counts.Redelivered}
	tr.added.count(&tr.Counts)
	departed := map[schemas.EventID][]uint64{}
	for one := range readings {
		tr.Counts.add(one.first().outcome)
		if !one.twice {
			continue
		}
		if one.before.outcome == deadLettered && one.after.outcome != deadLettered {
			tr.addResolved(&one)
		}
		if one.before.outcome == stored && (one.after.outcome != stored || one.after.row.ID != one.before.row.ID) {
			id := one.before.row.ID
			departed[id] = append(departed[id], version(one.stamp, one.Offset))
		}
	}
	tr.sortDeadLetters()
	tr.addHeirs(departed, readings)
	return tr, nil
}

// Moves yields for every message that both rules store the identities that they give it.
func (w *World) Moves(before, after Rules) (iter.Seq[Move], error) {
	readings, err := w.readings(Replay{Before: before, After: after, Until: make([]int64, w.cfg.Partitions)})
	if err != nil {
		return nil, err
	}
	return func(yield func(Move) bool) {
		for one := range readings {
			if one.before.outcome == stored && one.after.outcome == stored &&
				!yield(Move{one.Position, one.before.row.ID, one.after.row.ID}) {
				return
			}
		}
	}, nil
}

// Move is what a change of the rules does to a message.
type Move struct {
	Position
	Before, After schemas.EventID
}

// reading is a message under both rules of a replay. Its slices hold until the next.
type reading struct {
	Position
	index         int // of the delivery
	stamp         int64
	before, after encoded
	twice         bool // it was read under both rules, otherwise only under the later ones
}

// first is what the ledger counts.
func (r *reading) first() *encoded {
	if r.twice {
		return &r.before
	}
	return &r.after
}

// readings yields every message under both rules.
func (w *World) readings(r Replay) (iter.Seq[reading], error) {
	before, err := r.Before.compile()
	if err != nil {
		return nil, err
	}
	after, err := r.After.compile()
	if err != nil {
		return nil, err
	}
	return func(yield func(reading) bool) {
		earlier, later := w.newEncoderUnder(before), w.newEncoderUnder(after)
		ends, added := make([]int64, w.cfg.Partitions), newAdditions(r.Additions)
		for i := range w.schedule {
			del := &w.schedule[i]
			partition := w.partitionOf(del)
			ends[partition] = added.free(partition, ends[partition])
			one := reading{Position: Position{partition, ends[partition]}, index: i, stamp: del.stamp, before: earlier.encode(del), after: later.encode(del)}
			one.twice = one.Offset < r.Until[partition]
			ends[partition]++
			if !yield(one) {
				return
			}
		}
	}, nil
}

func (c *Counts) add(o outcome) {
	c.Messages++
	switch o {
	case stored:
		c.Stored++
	case filtered:
		c.Filtered++
	case deadLettered:
		c.DeadLettered++
	case skipped:
		c.Skipped++
	}
}

// addResolved adds the dead letter of the first reading. The counts have it already.
func (tr *Truth) addResolved(one *reading) {
	tr.Reasons[ReasonField{one.before.reason, one.before.field.String()}]++
	tr.DeadLetters = append(tr.DeadLetters, DeadLetter{
		Partition: one.Partition, Offset: one.Offset, Reason: one.before.reason, Field: one.before.field.String(),
		SHA256: sha256.Sum256(one.before.value), MessageTime: schemas.Millis(recordTime(one.stamp)),
		SubscriptionID: one.before.subscription, Resolved: true,
	})
}
