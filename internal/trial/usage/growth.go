package usage

import (
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

func median(samples []sample) (m sample) {
	for i := range m {
		all := make([]float64, 0, len(samples))
		for _, s := range samples {
			all = append(all, s[i])
		}
		slices.Sort(all)
		m[i] = all[len(all)/2]
	}
	return m
}

// gauges are what is sampled, and the allowed growth between the two medians. A leak grows
// with every fault of a kind, every rebalance or every batch, and stays: a goroutine, a
// descriptor, a buffer. A soak has one fault about every two seconds. Between the middles of
// its first and last third there are two dozen faults in the short form, and three hundred
// in a quarter of an hour. What does not leak depends on the present work: partitions,
// connections, requests. A process without partitions has 19 goroutines, and one with all
// six has about 42.
var gauges = [...]struct {
	metric, name string
	allowed      float64
}{
	goroutines: {"go_goroutines", "goroutines", 28},
	files:      {"process_open_fds", "open files", 10},
	// The garbage collector starts when the heap has doubled, and returns memory to the
	// system late.
	resident: {"process_resident_memory_bytes", "resident memory", 64 << 20},
}

const (
	goroutines = iota
	files
	resident // bytes
)

// Judge returns an error that names what has grown.
func (g Growth) Judge() error {
	var grown []string
	for i, gauge := range gauges {
		if g.last[i] > g.first[i]+gauge.allowed {
			grown = append(grown, gauge.name)
		}
	}
	if len(grown) == 0 {
		return nil
	}
	return fmt.Errorf("a process that was not ended has grown in %s: %s", strings.Join(grown, ", "), g)
}

// String is the text for the result.
func (g Growth) String() string {
	return fmt.Sprintf("goroutines %.0f to %.0f, open files %.0f to %.0f, resident %.0f to %.0f MiB (medians of the first and last third of %d samples)",
		g.first[goroutines], g.last[goroutines], g.first[files], g.last[files], g.first[resident]/(1<<20), g.last[resident]/(1<<20), g.samples)
}
