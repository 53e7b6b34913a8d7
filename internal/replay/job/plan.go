package job

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Plan is what a job reads, fixed when it starts.
type Plan struct {
	Ranges []Range `json:"ranges"`
	Filter Filter  `json:"filter"`
	// Rate is how many messages a second the job reads at most; 0 means no limit.
	Rate float64 `json:"rate,omitempty"`
	// MaxErrors is how many dead letters the job may open; nil means no limit.
	MaxErrors *uint64 `json:"max_errors,omitempty"`
	// Options are what only the source knows.
	Options json.RawMessage `json:"options,omitempty"`
}

// Range is the offsets [From, To) of one partition in one epoch of a topic, or rows of a
// file. Of a file, To may be 0: its number of rows is not known before.
type Range struct {
	Name      string `json:"name"`
	Epoch     uint32 `json:"epoch,omitempty"`
	Partition int32  `json:"partition"`
	From      int64  `json:"from"`
	To        int64  `json:"to,omitempty"`
}

// String is topic/partition [from, to), or the file.
func (r Range) String() string {
	if r.To == 0 {
		return r.Name
	}
	name := r.Name
	if r.Epoch != 0 {
		name = fmt.Sprintf("%s@%d", name, r.Epoch)
	}
	return fmt.Sprintf("%s/%d [%d, %d)", name, r.Partition, r.From, r.To)
}

// overlaps reports whether two ranges have offsets in common.
func (r Range) overlaps(other Range) bool {
	return r.samePartition(other) &&
		(other.To == 0 || r.From < other.To) && (r.To == 0 || other.From < r.To)
}

// shared is the first range of both plans.
func (p Plan) shared(other Plan) (Range, bool) {
	for _, r := range p.Ranges {
		if i := slices.IndexFunc(other.Ranges, r.overlaps); i >= 0 {
			return other.Ranges[i], true
		}
	}
	return Range{}, false
}

// names are the topics or files, each once.
func (p Plan) names() []string {
	var names []string
	for _, r := range p.Ranges {
		names = append(names, r.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Filter selects messages by their event under today's rules. The zero value selects all.
type Filter struct {
	Actions       []string `json:"actions,omitempty"`
	Subscriptions []string `json:"subscriptions,omitempty"`
}

// IsZero reports whether the filter selects all messages.
func (f Filter) IsZero() bool { return len(f.Actions) == 0 && len(f.Subscriptions) == 0 }

// Selects reports whether a message belongs to the job. action is empty for a message
// without an event (a dead letter, or one that a rule drops), so that a filter by action
// leaves it alone. A dead letter may have no readable subscription.
func (f Filter) Selects(subscription, action []byte) bool {
	return (len(f.Actions) == 0 || slices.Contains(f.Actions, string(action))) &&
		(len(f.Subscriptions) == 0 || slices.Contains(f.Subscriptions, string(subscription)))
}

// String is the filter as an operator types it.
func (f Filter) String() string {
	var terms []string
	for _, a := range f.Actions {
		terms = append(terms, filterAction+"="+a)
	}
	for _, s := range f.Subscriptions {
		terms = append(terms, filterSubscription+"="+s)
	}
	return strings.Join(terms, ",")
}
