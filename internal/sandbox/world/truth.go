package world

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Counts say what becomes of all messages, each read once. Messages is the sum
// of Stored, Filtered, DeadLettered and Skipped.
type Counts struct {
	Messages     int
	Stored       int // deliveries that pass every stage
	Filtered     int
	DeadLettered int
	Skipped      int
	Redelivered  int // of Stored: those whose event was stored before
	Rows         int // events, Stored less Redelivered
}

// DeadLetter is what dead_letters must hold of one refused message.
type DeadLetter struct {
	Epoch       uint32 // of the topic, see TopicHistory
	Partition   int32
	Offset      int64
	Reason      schemas.Reason
	Field       string            // empty is NULL
	SHA256      [sha256.Size]byte // NULL where Reason is rejected_by_server: only the row was left
	MessageTime schemas.Millis
	// SubscriptionID is the id after the guard where the message gives it away
	// for certain, else empty: then nothing is said about the column.
	SubscriptionID string
	// Resolved says that the message has been stored since.
	Resolved bool
}

// Truth is what the tables must hold once every message has been consumed. It
// does not change and may be read by several goroutines at once.
type Truth struct {
	Counts      Counts
	DeadLetters []DeadLetter // by partition, epoch and offset
	// Reasons counts the dead letters by reason and field.
	Reasons map[ReasonField]int
	// FilteredSubscriptions are the ids whose events the internal-user filter
	// dropped, in order.
	FilteredSubscriptions []string
	// Ends are the offsets after the last message, or marker, by partition; of the
	// topic as it is in the end, where it was made anew.
	Ends []int64

	w       *World
	winners []winner // by event
	order   []uint32 // subscriptions with rows, by stored id
	firstAt []int64  // by subscription: its first event with a row, 0 for none
	byID    map[string]uint32

	offsets   []recordOffsets // by partition; nil where there is a message at every offset
	compacted int             // records that compaction has taken away

	earlierEnds [][]int64 // Ends of the epochs before the last one
	history     TopicHistory
}

// ReasonField is what a message was refused for, and where.
type ReasonField struct {
	Reason schemas.Reason
	Field  string
}

// winner is the delivery that gives an event its row. stored tells one from
// none.
type winner struct {
	version  uint64
	offset   int64
	delivery uint32
	epoch    uint32
	stored   bool
}

// Truth is that of a topic which holds the messages as they are yielded, and
// nothing else. It tells every message once, which costs about as much as Messages.
func (w *World) Truth() *Truth { return w.TruthWithRejected(nil) }

// truth is Truth with the places of the deliveries whose rows are refused.
func (w *World) truth(rejectedAt map[Position]bool) *Truth {
	tr := w.newTruth(make([]int64, w.cfg.Partitions))
	b := &truthBuilder{tr: tr, enc: w.newEncoder(), filtered: map[string]bool{}, rejectedAt: rejectedAt}
	for i := range w.schedule {
		del := &w.schedule[i]
		end := &tr.Ends[w.partitionOf(del)]
		b.message(i, w.partitionOf(del), *end, del.stamp)
		*end++
	}
	b.finish()
	return tr
}

func (w *World) newTruth(ends []int64) *Truth {
	return &Truth{
		w: w, Ends: ends, Reasons: map[ReasonField]int{},
		winners: make([]winner, len(w.events)), firstAt: make([]int64, len(w.subs)), byID: map[string]uint32{},
	}
}

// truthBuilder files message after message.
type truthBuilder struct {
	tr         *Truth
	enc        *encoder
	filtered   map[string]bool   // ids whose events were dropped
	rejectedAt map[Position]bool // whose rows ClickHouse refuses
	epoch      uint32            // of the messages that are filed now
}

// message tells a message and files what must come of it.
func (b *truthBuilder) message(index int, partition int32, offset, stamp int64) {
	del := &b.tr.w.schedule[index]
	b.tr.Counts.Messages++
	switch out := b.enc.encode(del); out.outcome {
	case skipped:
		b.tr.Counts.Skipped++
	case filtered:
		b.tr.Counts.Filtered++
		if out.subscription != "" {
			b.filtered[out.subscription] = true
		}
	case deadLettered:
		b.tr.addDeadLetter(DeadLetter{
			Epoch: b.epoch, Partition: partition, Offset: offset, Reason: out.reason, Field: out.field.String(),
			SHA256: sha256.Sum256(out.value), MessageTime: schemas.Millis(clampStamp(stamp)), SubscriptionID: out.subscription,
		})
	case stored:
		if b.rejectedAt[Position{partition, offset}] {
			b.tr.addDeadLetter(rejectedRow(&b.enc.want.row, partition, offset, stamp))
			return
		}
		b.tr.addDelivery(del, winner{version(stamp, offset), offset, uint32(index), b.epoch, true})
	}
}

// finish puts everything in order.
func (b *truthBuilder) finish() {
	tr := b.tr
	for id := range b.filtered {
		tr.FilteredSubscriptions = append(tr.FilteredSubscriptions, id)
	}
	slices.Sort(tr.FilteredSubscriptions)
	slices.SortFunc(tr.DeadLetters, func(a, b DeadLetter) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Offset, b.Offset))
	})
	tr.index()
}

func (tr *Truth) addDeadLetter(d DeadLetter) {
	tr.Counts.DeadLettered++
	tr.Reasons[ReasonField{d.Reason, d.Field}]++
	tr.DeadLetters = append(tr.DeadLetters, d)
}

// stored files a delivery that may give its event a row.
func (tr *Truth) addDelivery(del *delivery, one winner) {
	tr.Counts.Stored++
	win := &tr.winners[del.event]
	switch {
	case !win.stored:
		tr.Counts.Rows++
		*win = one
	default:
		tr.Counts.Redelivered++
		// Equal versions are the same message by the contract; of two the later wins.
		if one.version >= win.version {
			*win = one
		}
	}
}

// index finds which subscriptions have rows, and since when.
func (tr *Truth) index() {
	for i, win := range tr.winners {
		if !win.stored {
			continue
		}
		e := &tr.w.events[i]
		if at := tr.firstAt[e.sub]; at == 0 || e.at < at {
			tr.firstAt[e.sub] = e.at
		}
	}
	for sub, at := range tr.firstAt {
		if at != 0 {
			tr.order = append(tr.order, uint32(sub))
			tr.byID[tr.w.subs[sub].stored] = uint32(sub)
		}
	}
	slices.SortFunc(tr.order, func(a, b uint32) int {
		return strings.Compare(tr.w.subs[a].stored, tr.w.subs[b].stored)
	})
}
