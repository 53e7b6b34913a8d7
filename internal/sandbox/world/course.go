package world

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Course is what a topic went through while the world was told to it. The zero
// Course is one log, from which all was read.
type Course struct {
	// Anew are the moments at which the topic was made anew under its name, as the
	// number of messages told until then, in order. What is told from there on is of
	// the next epoch, and its offsets begin at 0.
	Anew []int
	// Lost are the offsets that nobody has read: their messages leave no trace.
	Lost []Range
	// Named is what the ledger has to say of that, no more and no less.
	Named []Named
}

// Range is the offsets [Start, Next) of a partition in one epoch.
type Range struct {
	Epoch       uint32
	Partition   int32
	Start, Next int64
}

// Named is a row of the ledger of kind lost.
type Named struct {
	Range
	Cause schemas.LostCause
}

var errCourse = errors.New("the topic cannot have gone that way")

// TruthAlong is the truth of a topic that took this course.
func (w *World) TruthAlong(c Course) (*Truth, error) {
	if !slices.IsSorted(c.Anew) || len(c.Anew) > 0 && (c.Anew[0] < 0 || c.Anew[len(c.Anew)-1] > len(w.schedule)) {
		return nil, fmt.Errorf("%w: made anew after %v of %d messages", errCourse, c.Anew, len(w.schedule))
	}
	tr := w.newTruth(make([]int64, w.cfg.Partitions))
	tr.course = c
	b := &truthBuilder{tr: tr, t: w.newTeller(), filtered: map[string]bool{}}
	for i := range w.schedule {
		for int(b.epoch) < len(c.Anew) && i == c.Anew[b.epoch] {
			b.anew()
		}
		del := &w.schedule[i]
		partition := w.partitionOf(del)
		offset := tr.Ends[partition]
		tr.Ends[partition]++
		if len(c.without(Range{b.epoch, partition, offset, offset + 1})) > 0 {
			b.message(i, partition, offset, del.stamp)
		}
	}
	for int(b.epoch) < len(c.Anew) { // after the last message
		b.anew()
	}
	b.finish()
	return tr, nil
}

// anew begins the next epoch.
func (b *truthBuilder) anew() {
	b.tr.former = append(b.tr.former, b.tr.Ends)
	b.tr.Ends = make([]int64, len(b.tr.Ends))
	b.epoch++
}

// without gives what of a range is not lost, in order.
func (c *Course) without(r Range) []Range {
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
	switch last := uint32(len(tr.former)); {
	case epoch < last:
		return tr.former[epoch]
	case epoch == last:
		return tr.Ends
	}
	return nil
}

func (r Range) String() string {
	return fmt.Sprintf("epoch %d, partition %d [%d, %d)", r.Epoch, r.Partition, r.Start, r.Next)
}
