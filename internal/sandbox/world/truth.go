package world

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// Counts are the numbers of messages by outcome, with each message read once. Messages
// is the sum of Stored, Filtered, DeadLettered and Skipped.
type Counts struct {
	Messages     int
	Stored       int // deliveries that pass every stage
	Filtered     int
	DeadLettered int
	Skipped      int
	Redelivered  int // of Stored: whose event was stored before
	Rows         int // events, Stored less Redelivered
}

// DeadLetter is the expected row of one message in dead_letters.
type DeadLetter struct {
	Epoch       uint32 // of the topic, see TopicHistory
	Partition   int32
	Offset      int64
	Reason      schemas.Reason
	Field       string            // empty is NULL
	SHA256      [sha256.Size]byte // NULL if Reason is rejected_by_server, because only the row is known
	MessageTime schemas.Millis
	// SubscriptionID is the id after the guard, if a pipeline can read it from the
	// message for certain. Otherwise it is empty, and the column is not compared.
	SubscriptionID string
	// Resolved reports that the message was stored later.
	Resolved bool
}

// Truth is what the tables must hold after every message was consumed. It does not
// change, and several goroutines may read it.
type Truth struct {
	Counts      Counts
	DeadLetters []DeadLetter // by partition, epoch and offset
	// Reasons counts the dead letters by reason and field.
	Reasons map[ReasonField]int
	// FilteredSubscriptions are the ids whose events the internal-user filter
	// dropped, in order.
	FilteredSubscriptions []string
	// FilteredVersions are the versions of the newest such delivery, by id.
	FilteredVersions map[string]uint64
	// Ends are the end offsets of the partitions, after the last message or marker. For
	// a recreated topic they are those of the last epoch.
	Ends []int64

	w       *World
	rules   *compiledRules
	winners winners
	heirs   map[schemas.EventID]*heir // see TruthAfterReplay
	order   []uint32                  // subscriptions with rows, sorted by stored id
	firstAt []int64                   // by subscription: its first event with a row, 0 for none
	byID    map[string]uint32

	added     additions       // see TruthAfterReplay
	offsets   []recordOffsets // by partition; nil if every offset has a message
	compacted int             // records that compaction removed

	earlierEnds [][]int64 // Ends of the earlier epochs
	history     TopicHistory
}

// ReasonField is the reason and the field of a dead letter.
type ReasonField struct {
	Reason schemas.Reason
	Field  string
}

// Truth returns the truth of a topic that holds exactly the messages of Messages. It
// encodes every message once, so it costs about as much as Messages.
func (w *World) Truth() *Truth { return w.TruthWithRejected(nil) }

// truth is Truth with the positions of the rows that ClickHouse rejects.
func (w *World) truth(rejectedAt map[Position]bool) *Truth {
	b := w.newTruth(&compiledRules{}, make([]int64, w.cfg.Partitions))
	b.rejectedAt = rejectedAt
	return b.all()
}

// newTruth starts a truth without messages.
func (w *World) newTruth(rules *compiledRules, ends []int64) *truthBuilder {
	tr := &Truth{
		w: w, rules: rules, Ends: ends, Reasons: map[ReasonField]int{},
		winners: newWinners(w, rules), firstAt: make([]int64, len(w.subs)), byID: map[string]uint32{},
	}
	return &truthBuilder{tr: tr, enc: tr.newEncoder(), filtered: map[string]uint64{}}
}

// newEncoder returns an encoder whose oracle knows the rules of the truth.
func (tr *Truth) newEncoder() *encoder { return tr.w.newEncoderUnder(tr.rules) }

// truthBuilder adds messages to a truth, one by one.
type truthBuilder struct {
	tr         *Truth
	enc        *encoder
	filtered   map[string]uint64 // the newest version of the dropped events, by id
	rejectedAt map[Position]bool // whose rows ClickHouse rejects
	epoch      uint32            // of the current messages
}

// all adds every message of the world, one at each offset that no addition has, and the
// additions. It returns the truth.
func (b *truthBuilder) all() *Truth {
	for i := range b.tr.w.schedule {
		del := &b.tr.w.schedule[i]
		partition := b.tr.w.partitionOf(del)
		end := &b.tr.Ends[partition]
		*end = b.tr.added.free(partition, *end)
		b.message(i, partition, *end, del.stamp)
		*end++
	}
	for p := range b.tr.Ends { // after the last message
		b.tr.Ends[p] = b.tr.added.free(int32(p), b.tr.Ends[p])
	}
	b.tr.added.count(&b.tr.Counts)
	b.finish()
	return b.tr
}

// message encodes a message and adds its expected result.
func (b *truthBuilder) message(index int, partition int32, offset, stamp int64) {
	del := &b.tr.w.schedule[index]
	b.tr.Counts.Messages++
	switch out := b.enc.encode(del); out.outcome {
	case skipped:
		b.tr.Counts.Skipped++
	case filtered:
		b.tr.Counts.Filtered++
		if out.subscription != "" {
			b.filtered[out.subscription] = max(b.filtered[out.subscription], version(stamp, offset))
		}
	case deadLettered:
		b.tr.addDeadLetter(DeadLetter{
			Epoch: b.epoch, Partition: partition, Offset: offset, Reason: out.reason, Field: out.field.String(),
			SHA256: sha256.Sum256(out.value), MessageTime: schemas.Millis(recordTime(stamp)), SubscriptionID: out.subscription,
		})
	case stored:
		if b.rejectedAt[Position{partition, offset}] {
			b.tr.addDeadLetter(rejectedRow(&b.enc.want.row, partition, offset, stamp))
			return
		}
		row := &b.enc.want.row
		b.tr.addDelivery(del, row.ID, winner{version(stamp, offset), offset, int64(row.EventTimestamp), uint32(index), b.epoch, true})
	}
}

// finish sorts and indexes the truth.
func (b *truthBuilder) finish() {
	tr := b.tr
	for id := range b.filtered {
		tr.FilteredSubscriptions = append(tr.FilteredSubscriptions, id)
	}
	slices.Sort(tr.FilteredSubscriptions)
	tr.FilteredVersions = b.filtered
	tr.sortDeadLetters()
	tr.index()
}

func (tr *Truth) sortDeadLetters() {
	slices.SortFunc(tr.DeadLetters, func(a, b DeadLetter) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Offset, b.Offset))
	})
}

func (tr *Truth) addDeadLetter(d DeadLetter) {
	tr.Counts.DeadLettered++
	tr.Reasons[ReasonField{d.Reason, d.Field}]++
	tr.DeadLetters = append(tr.DeadLetters, d)
}

// addDelivery adds a delivery that may give its identity a row.
func (tr *Truth) addDelivery(del *delivery, id schemas.EventID, one winner) {
	tr.Counts.Stored++
	win := tr.winners.slot(del.event, tr.w.events[del.event].sub, id)
	switch {
	case !win.stored:
		tr.Counts.Rows++
		*win = one
	default:
		tr.Counts.Redelivered++
		// By the contract, equal versions are the same message. The later one wins.
		if one.version >= win.version {
			*win = one
		}
	}
}

// index collects the subscriptions with rows, and their first events.
func (tr *Truth) index() {
	for sub := range tr.w.subs {
		for win := range tr.winners.of(uint32(sub), &tr.w.subs[sub]) {
			if at := tr.firstAt[sub]; at == 0 || win.at < at {
				tr.firstAt[sub] = win.at
			}
		}
		if tr.firstAt[sub] != 0 {
			tr.order = append(tr.order, uint32(sub))
			tr.byID[tr.w.subs[sub].stored] = uint32(sub)
		}
	}
	slices.SortFunc(tr.order, func(a, b uint32) int {
		return strings.Compare(tr.w.subs[a].stored, tr.w.subs[b].stored)
	})
}
