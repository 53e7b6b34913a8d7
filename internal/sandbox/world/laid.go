package world

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// Laid is one record as it lies in the topic: a message of the world, or a stray.
type Laid struct {
	Partition int32
	Offset    int64
	Stamp     int64 // milliseconds, as a reader of the record gets them
	// Message is the message's number in the order of Messages, from 0. The same one
	// may lie in several places: then it was delivered as often.
	Message int
	Stray   *Stray // instead of a message of the world
	// Gone is a record without a value that compaction has taken away: the ledger
	// may have counted it before or not. Records with values are told with keys that
	// compaction leaves alone.
	Gone bool
}

// Stray is a record that nobody's subscription has given rise to. Without bytes it
// is skipped; any other has to be refused.
type Stray struct {
	Value  []byte
	Reason schemas.Reason
	Field  string // empty is NULL
}

// latestStamp is the last instant that the tables hold of a record, 2262-01-01.
const latestStamp = 9_214_646_400_000

// kept is a record's timestamp as the tables hold it, whatever its producer wrote.
func kept(stamp int64) int64 { return min(max(stamp, 0), latestStamp) }

var errLaid = errors.New("this is no log of the world")

// TruthOf is the truth of a topic in which the records lie as told. Those of a
// partition come in the order of their offsets; ends are the offsets behind the
// last record or marker of each partition. Offsets between records hold nothing
// that is ever counted.
func (w *World) TruthOf(records []Laid, ends []int64) (*Truth, error) {
	if len(ends) != w.cfg.Partitions {
		return nil, fmt.Errorf("%w: %d partitions, want %d", errLaid, len(ends), w.cfg.Partitions)
	}
	tr := w.newTruth(ends)
	tr.laid = make([]places, len(ends))
	b := &truthBuilder{tr: tr, t: w.newTeller(), filtered: map[string]bool{}}
	for i := range records {
		if err := b.lay(&records[i]); err != nil {
			return nil, err
		}
	}
	b.finish()
	return tr, nil
}

func (b *truthBuilder) lay(r *Laid) error {
	where := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
	if r.Partition < 0 || int(r.Partition) >= len(b.tr.Ends) || r.Offset >= b.tr.Ends[r.Partition] {
		return fmt.Errorf("%w: a record at %s is beyond its end", errLaid, where)
	}
	if !b.tr.laid[r.Partition].add(r.Offset, r.Gone) {
		return fmt.Errorf("%w: the record at %s is out of order", errLaid, where)
	}
	if r.Stray == nil && (r.Message < 0 || r.Message >= len(b.tr.w.schedule) ||
		b.tr.w.partitionOf(&b.tr.w.schedule[r.Message]) != r.Partition) {
		return fmt.Errorf("%w: message %d does not belong to %s", errLaid, r.Message, where)
	}
	if r.Gone {
		if r.Stray == nil && b.tr.w.schedule[r.Message].kind != tellTombstone || r.Stray != nil && len(r.Stray.Value) > 0 {
			return fmt.Errorf("%w: the record at %s is gone and had a value", errLaid, where)
		}
		b.tr.gone++
		return nil
	}
	if r.Stray != nil {
		b.stray(r.Stray, r.Partition, r.Offset, r.Stamp)
		return nil
	}
	b.message(r.Message, r.Partition, r.Offset, r.Stamp)
	return nil
}

// stray files a record that is not of the world.
func (b *truthBuilder) stray(s *Stray, partition int32, offset, stamp int64) {
	b.tr.Counts.Messages++
	if len(s.Value) == 0 {
		b.tr.Counts.Skipped++
		return
	}
	b.tr.refused(DeadLetter{
		Partition: partition, Offset: offset, Reason: s.Reason, Field: s.Field,
		SHA256: sha256.Sum256(s.Value), MessageTime: schemas.Millis(kept(stamp)),
	})
}

// places are where the records of a partition lie.
type places struct {
	there []int64 // in order
	gone  []int64 // likewise
}

// add says whether the offset comes after all others.
func (p *places) add(offset int64, gone bool) bool {
	for _, list := range [][]int64{p.there, p.gone} {
		if n := len(list); n > 0 && list[n-1] >= offset {
			return false
		}
	}
	if gone {
		p.gone = append(p.gone, offset)
	} else {
		p.there = append(p.there, offset)
	}
	return true
}

// within counts the entries of an ordered list in [start, next).
func within(list []int64, start, next int64) uint64 {
	from, _ := slices.BinarySearch(list, start)
	to, _ := slices.BinarySearch(list, next)
	return uint64(max(0, to-from))
}

// read is how many messages a reader of [start, next) has met: at least, and at
// most where compaction was at work.
func (tr *Truth) read(partition int32, start, next int64) (least, most uint64) {
	if tr.laid == nil { // a message at every offset
		n := uint64(max(0, next-start))
		return n, n
	}
	p := &tr.laid[partition]
	least = within(p.there, start, next)
	return least, least + within(p.gone, start, next)
}
