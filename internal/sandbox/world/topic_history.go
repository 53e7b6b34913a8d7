package world

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// TopicHistory is what a topic went through while the world was told to it. The zero
// TopicHistory is one log, from which all was read.
type TopicHistory struct {
	// RecreatedAt are the moments at which the topic was made anew under its name, as the
	// number of messages told until then, in order. What is told from there on is of
	// the next epoch, and its offsets begin at 0.
	RecreatedAt []int
	// Lost are the offsets that nobody has read: their messages leave no trace.
	Lost []Range
	// LedgerLoss is what the ledger has to say of that, no more and no less.
	LedgerLosses []LedgerLoss
}

// Range is the offsets [Start, Next) of a partition in one epoch.
type Range struct {
	Epoch       uint32
	Partition   int32
	Start, Next int64
}

// LedgerLoss is a row of the ledger of kind lost.
type LedgerLoss struct {
	Range
	Cause schemas.LostCause
}

var errHistory = errors.New("the topic cannot have gone that way")

// TruthOfHistory is the truth of a topic that took this course.
func (w *World) TruthOfHistory(c TopicHistory) (*Truth, error) {
	if !slices.IsSorted(c.RecreatedAt) || len(c.RecreatedAt) > 0 && (c.RecreatedAt[0] < 0 || c.RecreatedAt[len(c.RecreatedAt)-1] > len(w.schedule)) {
		return nil, fmt.Errorf("%w: made anew after %v of %d messages", errHistory, c.RecreatedAt, len(w.schedule))
	}
	tr := w.newTruth(make([]int64, w.cfg.Partitions))
	tr.history = c
	b := &truthBuilder{tr: tr, enc: w.newEncoder(), filtered: map[string]bool{}}
	for i := range w.schedule {
		for int(b.epoch) < len(c.RecreatedAt) && i == c.RecreatedAt[b.epoch] {
			b.nextEpoch()
		}
		del := &w.schedule[i]
		partition := w.partitionOf(del)
		offset := tr.Ends[partition]
		tr.Ends[partition]++
		if len(c.notLost(Range{b.epoch, partition, offset, offset + 1})) > 0 {
			b.message(i, partition, offset, del.stamp)
		}
	}
	for int(b.epoch) < len(c.RecreatedAt) { // after the last message
		b.nextEpoch()
	}
	b.finish()
	return tr, nil
}

// anew begins the next epoch.
func (b *truthBuilder) nextEpoch() {
	b.tr.earlierEnds = append(b.tr.earlierEnds, b.tr.Ends)
	b.tr.Ends = make([]int64, len(b.tr.Ends))
	b.epoch++
}

// without gives what of a range is not lost, in order.
func (c *TopicHistory) notLost(r Range) []Range {
	rest := []Range{r}
	for _, lost := range c.Lost {
		if lost.Epoch != r.Epoch || lost.Partition != r.Partition {
			continue
		}
		var left []Range
		for _, one := range rest {
			before, after := one, one
			before.Next, after.Start = min(one.Next, lost.Start), max(one.Start, lost.Next)
			for _, piece := range []Range{before, after} {
				if piece.Start < piece.Next {
					left = append(left, piece)
				}
			}
		}
		rest = left
	}
	return rest
}

// endsOf gives the ends of an epoch, nil where the topic has not had it.
func (tr *Truth) endsOf(epoch uint32) []int64 {
	switch last := uint32(len(tr.earlierEnds)); {
	case epoch < last:
		return tr.earlierEnds[epoch]
	case epoch == last:
		return tr.Ends
	}
	return nil
}

func (r Range) String() string {
	return fmt.Sprintf("epoch %d, partition %d [%d, %d)", r.Epoch, r.Partition, r.Start, r.Next)
}
