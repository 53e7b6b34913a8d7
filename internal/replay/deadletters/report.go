package deadletters

import (
	"slices"
	"strings"

	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/schemas"
)

// Report describes a plan or its execution.
type Report struct {
	Executed bool `json:"executed"`
	// Complete is false where the work ended early; what the report counts is durable.
	Complete bool    `json:"complete"`
	Letters  uint64  `json:"dead_letters"` // open and selected at the time of the plan
	Open     uint64  `json:"stay_open"`    // of a plan: those known to stay open
	Groups   []Group `json:"groups"`       // by topic and reason
	Gone     []Gone  `json:"gone"`         // by cause
}

// Group counts the dead letters of one topic and reason. In a plan only Letters and Gone
// can be above zero; the difference is to be read.
type Group struct {
	Topic   string         `json:"topic"`
	Reason  schemas.Reason `json:"reason"`
	Letters uint64         `json:"dead_letters"`

	Stored   uint64 `json:"stored"`
	Filtered uint64 `json:"filtered"`
	Skipped  uint64 `json:"skipped"`
	// Elsewhere counts those that another process resolved meanwhile.
	Elsewhere uint64 `json:"resolved_elsewhere"`

	// The rest stays open: Failed again; Gone; and Unread, because Kafka did not return
	// them or the work ended early.
	Failed uint64 `json:"failed_again"`
	Gone   uint64 `json:"gone"`
	Unread uint64 `json:"unread"`
}

// Gone counts what can no longer be read.
type Gone struct {
	Cause   kafkalog.Cause `json:"cause"`
	Letters uint64         `json:"dead_letters"`
}

// ToRead is how many a plan would read.
func (g *Group) ToRead() uint64 { return g.Letters - min(g.Gone, g.Letters) }

func (g *Group) open() uint64 { return g.Failed + g.Gone + g.Unread }

func (g *Group) counted() uint64 {
	return g.Stored + g.Filtered + g.Skipped + g.Elsewhere + g.open()
}

// tally adds up the counts of a report.
type tally struct {
	groups map[groupKey]*Group
	gone   map[kafkalog.Cause]uint64
}

type groupKey struct {
	topic  string
	reason schemas.Reason
}

func newTally() *tally {
	return &tally{groups: map[groupKey]*Group{}, gone: map[kafkalog.Cause]uint64{}}
}

func (t *tally) group(topic string, reason schemas.Reason) *Group {
	key := groupKey{topic, reason}
	if t.groups[key] == nil {
		t.groups[key] = &Group{Topic: topic, Reason: reason}
	}
	return t.groups[key]
}

func (t *tally) addGone(topic string, reason schemas.Reason, cause kafkalog.Cause, count uint64) {
	if count > 0 {
		t.group(topic, reason).Gone += count
		t.gone[cause] += count
	}
}

// add adds another tally.
func (t *tally) add(other *tally) {
	for key, from := range other.groups {
		to := t.group(key.topic, key.reason)
		to.Letters += from.Letters
		to.Stored, to.Filtered, to.Skipped = to.Stored+from.Stored, to.Filtered+from.Filtered, to.Skipped+from.Skipped
		to.Elsewhere, to.Failed = to.Elsewhere+from.Elsewhere, to.Failed+from.Failed
		to.Gone, to.Unread = to.Gone+from.Gone, to.Unread+from.Unread
	}
	for cause, count := range other.gone {
		t.gone[cause] += count
	}
}

// report returns the counts in a fixed order.
func (t *tally) report() *Report {
	r := &Report{Groups: []Group{}, Gone: []Gone{}}
	for _, g := range t.groups {
		r.Groups = append(r.Groups, *g)
		r.Letters += g.Letters
		r.Open += g.open()
	}
	slices.SortFunc(r.Groups, func(a, b Group) int {
		if byTopic := strings.Compare(a.Topic, b.Topic); byTopic != 0 {
			return byTopic
		}
		return strings.Compare(string(a.Reason), string(b.Reason))
	})
	for _, cause := range kafkalog.Causes() {
		if n := t.gone[cause]; n > 0 {
			r.Gone = append(r.Gone, Gone{cause, n})
		}
	}
	return r
}
