package harness

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Result is the outcome of a trial.
type Result struct {
	Trial     string         `json:"trial"`
	Kafka     Kafka          `json:"kafka"`
	Seed      uint64         `json:"seed"` // of the first round
	Rounds    int            `json:"rounds"`
	Fault     string         `json:"fault"`
	Times     int            `json:"times"`
	Kinds     map[string]int `json:"kinds"` // what was done, counted
	Messages  int            `json:"messages"`
	Lost      int            `json:"lost"`                 // rows of the truth that a table or view lacks
	Doubled   int            `json:"doubled"`              // rows of the view for an event beyond the first
	Wrong     int            `json:"wrong"`                // rows that differ or are not in the truth
	Findings  int            `json:"findings"`             // of the audit
	ReadAgain int64          `json:"read_again"`           // offsets: harmless, and the trace of what was tried
	Peak      int64          `json:"peak_bytes,omitempty"` // resident, of the processes that were watched
	Growth    string         `json:"growth,omitempty"`     // of the processes that were watched
	Seconds   float64        `json:"seconds"`
	Holds     bool           `json:"holds"`
	Account   string         `json:"account,omitempty"` // what is wrong
}

// String is one line, followed by what is wrong.
func (r Result) String() string {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.Kinds)) {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, r.Kinds[kind]))
	}
	verdict := "holds"
	if !r.Holds {
		verdict = "BROKEN"
	}
	var usage string
	if r.Peak > 0 {
		usage += fmt.Sprintf(", peak %d MiB", r.Peak>>20)
	}
	if r.Growth != "" {
		usage += ", " + r.Growth
	}
	line := fmt.Sprintf("%-10s %-8s seed %d, %d rounds: %s: %d times; %d messages, lost %d, doubled in the views %d, wrong %d, audit findings %d, read again %d%s; %.0f s: %s (%s)",
		r.Trial, r.Kafka, r.Seed, r.Rounds, r.Fault, r.Times, r.Messages, r.Lost, r.Doubled, r.Wrong, r.Findings, r.ReadAgain, usage, r.Seconds, verdict, strings.Join(kinds, ", "))
	if r.Account != "" {
		line += "\n" + r.Account
	}
	return line
}

// add adds a round that has been played.
func (r *Result) add(one *Round, faults int) {
	r.Times += faults
	r.Messages += one.truth.Counts.Messages
	r.Peak = max(r.Peak, one.Peak)
	if one.Growth != "" {
		r.Growth = strings.TrimPrefix(r.Growth+"; "+one.Growth, "; ")
	}
	for kind, n := range one.counts() {
		r.Kinds[kind] += n
	}
}
