package audit

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Kind says what is wrong; a closed set.
type Kind string

// The kinds.
const (
	Gap                Kind = "gap"                     // no row of the ledger covers it, below the committed offset
	CommittedBeyond    Kind = "committed_beyond_ledger" // committed, and the ledger does not come so far
	UnreadLost         Kind = "unread_lost"             // retention has removed what nobody has read, and nobody has accepted that
	TopicChanged       Kind = "topic_changed"           // Kafka's topic is not the one that the ledger has read
	Unbalanced         Kind = "unbalanced"              // a row of the ledger does not add up
	DeadLettersMissing Kind = "dead_letters_missing"    // fewer dead letters in a range than the ledger counts
	WrongEventID       Kind = "wrong_event_id"          // not the one that ClickHouse computes
	EventMissing       Kind = "event_missing"           // deep: neither a row nor a dead letter
	EventOlder         Kind = "event_older"             // deep: the row has a lower version than this message
	DeadLetterMissing  Kind = "dead_letter_missing"     // deep: a message that fails is no dead letter
	FilteredMissing    Kind = "filtered_missing"        // deep: a filtered message's subscription is not recorded
)

// Cause is why, as far as what is left can tell.
type Cause string

// The causes of a gap, and one of a missing event.
const (
	// LedgerRowMissing: the tables hold rows from the range, so it was read, and
	// its account is gone: somebody deleted it, or a bug.
	LedgerRowMissing Cause = "ledger_row_missing"
	// OffsetReset: Kafka still has the range, the tables have nothing of it: the
	// group's offset was moved over it.
	OffsetReset Cause = "offset_reset"
	// Retention: neither Kafka nor the tables have it, and no row says it is lost.
	Retention Cause = "retention"
	// Unknown: nobody can be asked; take it for a bug.
	Unknown Cause = "unknown"
	// EarlierRules: the subscription is among the filtered ones, so the message may
	// have been filtered by rules that have changed since.
	EarlierRules Cause = "earlier_rules"
)

// Finding is one thing that is wrong. Start and Next are its offsets; Messages is
// how many messages, or rows, are affected, where that is known.
type Finding struct {
	Kind Kind `json:"kind"`
	Key
	Start    int64  `json:"start_offset"`
	Next     int64  `json:"next_offset"`
	Messages uint64 `json:"messages"`
	Cause    Cause  `json:"cause,omitempty"`
	Text     string `json:"text"` // one sentence, without content of messages
}

// named is how many findings of one kind and partition are given one by one.
const named = 20

// findings collects with bounded memory: a table that is gone would make millions.
// It is safe for concurrent use.
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
	if o.named < named {
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

// all gives every finding in order of partition and offset, with one at the end of
// each kind for those that were not named. It is asked once.
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
