package job

import (
	"cmp"
	"encoding/hex"
	"slices"
	"sync"
	"time"

	"github.com/pianola/pianola/sink"
)

// Comparison is what messages give today, and what a job that reads them would change. It
// is safe for concurrent use until it is read.
type Comparison struct {
	Counts  Counts                 `json:"counts"`  // messages and their outcomes
	Changes map[sink.Change]uint64 `json:"changes"` // messages by what changes about them
	Columns map[string]uint64      `json:"columns"` // messages by the columns that change
	Samples []Sample               `json:"samples"` // a few messages of each change
	Removed uint64                 `json:"removed_by_retention"`

	mu      sync.Mutex
	changes sink.Changes
	samples []sink.Sample
}

// Sample is one message and what changes about it.
type Sample struct {
	Change  sink.Change `json:"change"`
	At      string      `json:"at"` // topic/partition/offset, or file/0/row
	Columns []string    `json:"columns"`
	Before  *Identity   `json:"before"` // nil where it had no event
	After   *Identity   `json:"after"`  // nil where it has none now
}

// Identity is what makes an event the event that it is, without the subscription.
type Identity struct {
	EventID            string    `json:"event_id"`
	EventTimestamp     time.Time `json:"event_timestamp"`
	SubscriptionAction string    `json:"subscription_action"`
}

func identityOf(i *sink.Identity) *Identity {
	if i == nil {
		return nil
	}
	return &Identity{hex.EncodeToString(i.EventID[:]), time.UnixMilli(int64(i.EventTimestamp)).UTC(), i.SubscriptionAction}
}

// NewComparison returns one of no messages.
func NewComparison() *Comparison {
	return &Comparison{Counts: Counts{}, Samples: []Sample{}}
}

// Add adds a chunk.
func (c *Comparison) Add(counts Counts, changes sink.Changes) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Counts.Add(counts)
	c.samples = firstSamples(append(c.samples, changes.Samples...))
	changes.Samples = nil
	c.changes.Add(changes)
	c.Changes, c.Columns = c.changes.Messages, c.changes.Columns
	c.Samples = c.Samples[:0]
	for _, s := range c.samples {
		c.Samples = append(c.Samples, Sample{s.Change, s.At.String(), s.Columns, identityOf(s.Before), identityOf(s.After)})
	}
}

// AddRemoved adds messages that retention removed before they could be compared.
func (c *Comparison) AddRemoved(n uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Removed += n
}

// Any reports whether a job would change anything.
func (c *Comparison) Any() bool { return c.changes.Any() }

// maxSamples is how many samples of each change a comparison has.
const maxSamples = 5

// firstSamples keeps the first messages of each change, so that the result does not depend
// on which worker was faster.
func firstSamples(all []sink.Sample) (kept []sink.Sample) {
	slices.SortFunc(all, func(a, b sink.Sample) int {
		return cmp.Or(cmp.Compare(a.Change, b.Change), cmp.Compare(a.At.Name, b.At.Name), cmp.Compare(a.At.Partition, b.At.Partition), cmp.Compare(a.At.Offset, b.At.Offset))
	})
	n := map[sink.Change]int{}
	for _, s := range all {
		if n[s.Change]++; n[s.Change] <= maxSamples {
			kept = append(kept, s)
		}
	}
	return kept
}
