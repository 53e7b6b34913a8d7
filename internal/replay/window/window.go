package window

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Window is which messages an operator asks for: of times, or of offsets.
type Window struct {
	Topics     []string
	Partitions []int32 // empty: all

	// From and To are timestamps of records: [From, To). Without To the window ends at
	// the end of the log. They are zero for a window of offsets.
	From, To time.Time

	// Starts and Ends are the first offset of each partition and the one after its last.
	// A partition without an end is read to the end of the log.
	Starts, Ends map[int32]int64
}

// byTime reports whether the window is one of times.
func (w Window) byTime() bool { return w.Starts == nil }

// Validate reports what is wrong with the window itself. now is the end of what can be
// in it.
func (w Window) Validate(now time.Time) error {
	if !w.byTime() {
		return w.validateOffsets()
	}
	switch {
	case w.From.IsZero():
		return errors.New("the window has no start; use --from, --from-offsets or --last")
	case w.From.After(now):
		return errors.New("--from: is in the future; the window has no messages yet")
	case !w.To.IsZero() && !w.From.Before(w.To):
		return errors.New("--to: is not after --from")
	}
	return nil
}

func (w Window) validateOffsets() error {
	var mistakes []error
	if len(w.Topics) != 1 {
		mistakes = append(mistakes, fmt.Errorf("--from-offsets: kafka.topics has %d topics; say which one with --topic", len(w.Topics)))
	}
	for p, end := range w.Ends {
		start, known := w.Starts[p]
		switch {
		case !known:
			mistakes = append(mistakes, fmt.Errorf("--to-offsets: partition %d has no offset in --from-offsets", p))
		case end <= start:
			mistakes = append(mistakes, fmt.Errorf("--to-offsets: offset %d of partition %d is not after %d of --from-offsets", end, p, start))
		}
	}
	for _, p := range w.Partitions {
		if _, known := w.Starts[p]; !known {
			mistakes = append(mistakes, fmt.Errorf("--partition: partition %d has no offset in --from-offsets", p))
		}
	}
	slices.SortFunc(mistakes, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(mistakes...)
}

// selects reports whether the window has messages of a partition.
func (w Window) selects(partition int32) bool {
	if !w.byTime() {
		if _, known := w.Starts[partition]; !known {
			return false
		}
	}
	return len(w.Partitions) == 0 || slices.Contains(w.Partitions, partition)
}

// named are the partitions that the operator has named.
func (w Window) named() []int32 {
	named := slices.Clone(w.Partitions)
	for p := range w.Starts {
		named = append(named, p)
	}
	slices.Sort(named)
	return slices.Compact(named)
}
