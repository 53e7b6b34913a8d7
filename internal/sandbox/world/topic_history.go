package world

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// TopicHistory describes how a topic was recreated and what was lost while the world was
// published. The zero TopicHistory is one log that was read completely.
type TopicHistory struct {
	// RecreatedAt are the moments at which the topic was deleted and recreated: the
	// number of messages published until then, in order. Later messages belong to the
	// next epoch, and their offsets start at 0.
	RecreatedAt []int
	// Lost are the offsets that were never read. Their messages must leave no rows.
	Lost []Range
	// LedgerLosses are exactly the expected ledger rows of kind lost.
	LedgerLosses []LedgerLoss
}

// Range is the offsets [Start, Next) of a partition in one epoch.
type Range struct {
	Epoch     uint32 `ch:"source_epoch"`
	Partition int32  `ch:"source_partition"`
	Start     int64  `ch:"start_offset"`
	Next      int64  `ch:"next_offset"`
}

// LedgerLoss is a ledger row of kind lost.
type LedgerLoss struct {
	Range
	Cause schemas.LostCause
}

var errHistory = errors.New("invalid topic history")

// TruthOfHistory returns the truth of a topic with this history.
func (w *World) TruthOfHistory(c TopicHistory) (*Truth, error) {
	if !slices.IsSorted(c.RecreatedAt) || len(c.RecreatedAt) > 0 && (c.RecreatedAt[0] < 0 || c.RecreatedAt[len(c.RecreatedAt)-1] > len(w.schedule)) {
		return nil, fmt.Errorf("%w: recreated after %v of %d messages", errHistory, c.RecreatedAt, len(w.schedule))
	}
	b := w.newTruth(&compiledRules{}, make([]int64, w.cfg.Partitions))
	tr := b.tr
	tr.history = c
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

// nextEpoch starts the epoch of a recreated topic.
func (b *truthBuilder) nextEpoch() {
	b.tr.earlierEnds = append(b.tr.earlierEnds, b.tr.Ends)
	b.tr.Ends = make([]int64, len(b.tr.Ends))
	b.epoch++
}

// notLost returns the parts of a range that are not lost, in order.
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

// endsOf returns the end offsets of an epoch, or nil if the topic never had it.
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
