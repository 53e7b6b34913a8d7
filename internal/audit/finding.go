package audit

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Kind is what is wrong; the set is closed.
type Kind string

// The kinds.
const (
	Gap                Kind = "gap"                     // below the committed offset, no ledger row covers it
	CommittedBeyond    Kind = "committed_beyond_ledger" // committed, and the ledger ends before it
	UnreadLost         Kind = "unread_lost"             // retention removed it unread, and the loss is not accepted
	TopicChanged       Kind = "topic_changed"           // the topic was recreated since the ledger read it
	Unbalanced         Kind = "unbalanced"              // a ledger row does not add up
	DeadLettersMissing Kind = "dead_letters_missing"    // fewer dead letters in a range than the ledger counts
	WrongEventID       Kind = "wrong_event_id"          // differs from the one that ClickHouse computes
	JobIncomplete      Kind = "job_incomplete"          // a range of a job's plan that none of its ledger rows covers
	OutsidePlan        Kind = "outside_plan"            // a ledger row of a job that its plan does not have
	NoOffsets          Kind = "no_offsets"              // the group has committed nothing of a topic, so there was nothing to check
	EmptyLedger        Kind = "empty_ledger"            // the ledger has no row of a topic, so there was nothing to check
	EventMissing       Kind = "event_missing"           // deep: neither a row nor an open dead letter
	EventOlder         Kind = "event_older"             // deep: the row has a lower version than this message
	DeadLetterMissing  Kind = "dead_letter_missing"     // deep: a refused message is no dead letter
	FilteredMissing    Kind = "filtered_missing"        // deep: a filtered message's subscription is not recorded
)

// Cause is the most likely cause.
type Cause string

// The causes of a gap, and one of a missing event.
const (
	// LedgerRowMissing: the tables have rows of the range, so it was read, and its
	// ledger row is gone: it was deleted, or this is a bug.
	LedgerRowMissing Cause = "ledger_row_missing"
	// ReadByJob: only a job of pianola replay has read the range, so nothing of it is
	// lost, and the group's offset was moved past it.
	ReadByJob Cause = "read_by_job"
	// OffsetReset: Kafka has the range and the tables do not: the group's offset was
	// moved past it.
	OffsetReset Cause = "offset_reset"
	// Retention: neither Kafka nor the tables have it, and no ledger row records the
	// loss.
	Retention Cause = "retention"
	// Unknown: nothing shows the cause; report it as a bug.
	Unknown Cause = "unknown"
	// EarlierRules: the subscription is recorded as filtered, so earlier rules may have
	// filtered the message.
	EarlierRules Cause = "earlier_rules"
)

// WholeTopic is the partition of a finding about all partitions of a topic.
const WholeTopic = -1

// Finding breaks the promise, or says that nothing could be checked. Start and Next are
// its offsets; Messages is the number of messages or rows, where it is known.
type Finding struct {
	Kind Kind `json:"kind"`
	Key
	Start    int64  `json:"start_offset"`
	Next     int64  `json:"next_offset"`
	Messages uint64 `json:"messages"`
	Cause    Cause  `json:"cause,omitempty"`
	Text     string `json:"text"` // one sentence, without content of messages
}

// maxNamed is how many findings of one kind and partition are listed one by one.
const maxNamed = 20

// findings collects with bounded memory: a dropped table would make millions. It is safe for concurrent use.
type findings struct {
	mu   sync.Mutex
	list []Finding
	seen map[group]*omitted
}

type group struct {
	kind Kind
	key  Key
}

type omitted struct {
	named, more int
	messages    uint64
	within      span
}

func newFindings() *findings { return &findings{seen: map[group]*omitted{}} }

func (f *findings) add(one Finding) {
	f.mu.Lock()
	defer f.mu.Unlock()
	g := group{one.Kind, one.Key}
	o := f.seen[g]
	if o == nil {
		o = &omitted{}
		f.seen[g] = o
	}
	if o.named < maxNamed {
		o.named++
		f.list = append(f.list, one)
		return
	}
	if o.more == 0 {
		o.within = span{one.Start, one.Next}
	}
	o.more++
	o.messages += one.Messages
	o.within = span{min(o.within.start, one.Start), max(o.within.next, one.Next)}
}

// about reports whether anything was found about a topic.
func (f *findings) about(topic string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.ContainsFunc(f.list, func(one Finding) bool { return one.Topic == topic })
}

// all returns the findings in order of partition and offset, with one at the end of each
// kind for those that are not listed. Call it once.
func (f *findings) all() []Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	order := func(a, b Finding) int {
		return cmp.Or(compareKeys(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Start, b.Start))
	}
	slices.SortFunc(f.list, order)
	for g, o := range f.seen {
		if o.more > 0 {
			f.list = append(f.list, Finding{Kind: g.kind, Key: g.key, Start: o.within.start, Next: o.within.next, Messages: o.messages,
				Text: fmt.Sprintf("%s: %d more findings like these", g.key.at(o.within), o.more)})
		}
	}
	slices.SortStableFunc(f.list, func(a, b Finding) int {
		return cmp.Or(compareKeys(a.Key, b.Key), cmp.Compare(a.Kind, b.Kind))
	})
	if f.list == nil {
		return []Finding{}
	}
	return f.list
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(b.Source, a.Source), // kafka before file
		cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Epoch, b.Epoch))
}
