package usage

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Usage is what a watch has measured.
type Usage struct {
	samples []sample // in order of time
	Peak    int64    // resident bytes
}

// Growth compares the end of a process's life with its beginning, after a warm-up: the
// medians of the last and of the first third of the samples. A median ignores samples
// within a rebalance or a garbage collection, and shows what never becomes free again.
type Growth struct {
	samples     int
	first, last sample
}

// Trend leaves out the first share of the samples, in which caches fill and connections
// are made. It needs LeastSamples after them.
func (u Usage) Trend(warmUp float64) (Growth, error) {
	rest := u.samples[int(warmUp*float64(len(u.samples))):]
	if len(rest) < LeastSamples {
		return Growth{}, fmt.Errorf("%d samples of a process after its warm-up are too few to tell whether it grows, %d are needed", len(rest), LeastSamples)
	}
	third := len(rest) / 3
	return Growth{samples: len(rest), first: median(rest[:third]), last: median(rest[len(rest)-third:])}, nil
}

// LeastSamples is how many samples give thirds with a useful median.
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

// Allowed growth between the two medians. A leak grows with every fault of a kind, every
// rebalance or every batch, and stays: a goroutine, a descriptor, a buffer. A soak has one
// fault about every two seconds. Between the middles of its first and last third there are
// two dozen faults in the short form, and three hundred in a quarter of an hour. What does
// not leak depends on the present work: partitions, connections, requests. A process
// without partitions has 19 goroutines, and one with all six has about 42.
const (
	allowedGoroutines = 28
	allowedFiles      = 10
	// The garbage collector starts when the heap has doubled, and returns memory to the
	// system late.
	allowedResident = 64 << 20
)

// Judge returns an error that names what has grown.
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

// String is the text for the result.
func (g Growth) String() string {
	return fmt.Sprintf("goroutines %d to %d, open files %d to %d, resident %d to %d MiB (medians of the first and last third of %d samples)",
		g.first.goroutines, g.last.goroutines, g.first.files, g.last.files, g.first.resident>>20, g.last.resident>>20, g.samples)
}
