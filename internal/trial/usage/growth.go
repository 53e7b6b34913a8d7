package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Usage is what a watch has seen.
type Usage struct {
	samples []sample // in order of time
	Peak    int64    // resident bytes
}

// Growth holds the beginning of a process's life, after a warm-up, against its
// end: the medians of the first and of the last third of the samples. The median
// is blind to a rebalance or a garbage collection that one look has fallen into,
// and not to what never comes back.
type Growth struct {
	samples     int
	first, last sample
}

// Trend leaves the first share of the samples out, in which caches fill and
// connections are made. It needs LeastSamples behind them.
func (u Usage) Trend(warmUp float64) (Growth, error) {
	rest := u.samples[int(warmUp*float64(len(u.samples))):]
	if len(rest) < LeastSamples {
		return Growth{}, fmt.Errorf("%d samples of a process after its warm-up are too few to tell whether it grows, %d are needed", len(rest), LeastSamples)
	}
	third := len(rest) / 3
	return Growth{samples: len(rest), first: median(rest[:third]), last: median(rest[len(rest)-third:])}, nil
}

// LeastSamples make thirds of which a median says anything.
const LeastSamples = 9

func median(samples []sample) sample {
	middle := len(samples) / 2
	return sample{
		goroutines: sorted(samples, func(s sample) int { return s.goroutines })[middle],
		files:      sorted(samples, func(s sample) int { return s.files })[middle],
		resident:   sorted(samples, func(s sample) int64 { return s.resident })[middle],
	}
}

func sorted[T cmp.Ordered](samples []sample, of func(sample) T) []T {
	all := make([]T, 0, len(samples))
	for _, s := range samples {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all
}

// Allowed growth between the two medians. What leaks is leaked by every fault of a
// kind, every rebalance or every batch, and stays: a goroutine, a descriptor, a
// buffer. A soak puts in one fault about every two seconds, so between the middles of
// its first and last third lie two dozen of them in the short form and three hundred
// in a quarter of an hour. What does not leak is what the process has to do at the
// moment: as many partitions, connections and requests as the other instance leaves
// it. With none it has 19 goroutines, with all six partitions about 42.
const (
	allowedGoroutines = 28
	allowedFiles      = 10
	// The collector lets the heap double before it begins, and returns memory to the
	// system when it likes.
	allowedResident = 64 << 20
)

// Judge gives an error that names what has grown.
func (g Growth) Judge() error {
	var grown []string
	if g.last.goroutines > g.first.goroutines+allowedGoroutines {
		grown = append(grown, "goroutines")
	}
	if g.last.files > g.first.files+allowedFiles {
		grown = append(grown, "open files")
	}
	if g.last.resident > g.first.resident+allowedResident {
		grown = append(grown, "resident memory")
	}
	if len(grown) == 0 {
		return nil
	}
	return fmt.Errorf("a process that was not ended has grown in %s: %s", strings.Join(grown, ", "), g)
}

// String says it for the line of the result.
func (g Growth) String() string {
	return fmt.Sprintf("goroutines %d to %d, open files %d to %d, resident %d to %d MiB (medians of the first and last third of %d samples)",
		g.first.goroutines, g.last.goroutines, g.first.files, g.last.files, g.first.resident>>20, g.last.resident>>20, g.samples)
}
