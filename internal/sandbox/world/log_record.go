package world

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// LogRecord is one record as it lies in the topic: a message of the world, or a stray.
type LogRecord struct {
	Partition int32
	Offset    int64
	Stamp     int64 // milliseconds, as a reader of the record gets them
	// Message is the message's number in the order of Messages, from 0. The same one
	// may lie in several places: then it was delivered as often.
	Message int
	Foreign *ForeignRecord // instead of a message of the world
	// Compacted is a record without a value that compaction has taken away: the ledger
	// may have counted it before or not. Records with values are told with keys that
	// compaction leaves alone.
	Compacted bool
}

// ForeignRecord is a record that nobody's subscription has given rise to. Without bytes it
// is skipped; any other has to be refused.
type ForeignRecord struct {
	Value  []byte
	Reason schemas.Reason
	Field  string // empty is NULL
}

// maxStamp is the last instant that the tables hold of a record, 2262-01-01.
const maxStamp = 9_214_646_400_000

// kept is a record's timestamp as the tables hold it, whatever its producer wrote.
func clampStamp(stamp int64) int64 { return min(max(stamp, 0), maxStamp) }

var errLog = errors.New("this is no log of the world")

// TruthOfLog is the truth of a topic in which the records lie as told. Those of a
// partition come in the order of their offsets; ends are the offsets behind the
// last record or marker of each partition. Offsets between records hold nothing
// that is ever counted.
func (w *World) TruthOfLog(records []LogRecord, ends []int64) (*Truth, error) {
	if len(ends) != w.cfg.Partitions {
		return nil, fmt.Errorf("%w: %d partitions, want %d", errLog, len(ends), w.cfg.Partitions)
	}
	tr := w.newTruth(ends)
	tr.offsets = make([]recordOffsets, len(ends))
	b := &truthBuilder{tr: tr, enc: w.newEncoder(), filtered: map[string]bool{}}
	for i := range records {
		if err := b.addRecord(&records[i]); err != nil {
			return nil, err
		}
	}
	b.finish()
	return tr, nil
}

func (b *truthBuilder) addRecord(r *LogRecord) error {
	where := fmt.Sprintf("%d/%d", r.Partition, r.Offset)
	if r.Partition < 0 || int(r.Partition) >= len(b.tr.Ends) || r.Offset >= b.tr.Ends[r.Partition] {
		return fmt.Errorf("%w: a record at %s is beyond its end", errLog, where)
	}
	if !b.tr.offsets[r.Partition].add(r.Offset, r.Compacted) {
		return fmt.Errorf("%w: the record at %s is out of order", errLog, where)
	}
	if r.Foreign == nil && (r.Message < 0 || r.Message >= len(b.tr.w.schedule) ||
		b.tr.w.partitionOf(&b.tr.w.schedule[r.Message]) != r.Partition) {
		return fmt.Errorf("%w: message %d does not belong to %s", errLog, r.Message, where)
	}
	if r.Compacted {
		if r.Foreign == nil && b.tr.w.schedule[r.Message].kind != kindTombstone || r.Foreign != nil && len(r.Foreign.Value) > 0 {
			return fmt.Errorf("%w: the record at %s is gone and had a value", errLog, where)
		}
		b.tr.compacted++
		return nil
	}
	if r.Foreign != nil {
		b.addForeign(r.Foreign, r.Partition, r.Offset, r.Stamp)
		return nil
	}
	b.message(r.Message, r.Partition, r.Offset, r.Stamp)
	return nil
}

// stray files a record that is not of the world.
func (b *truthBuilder) addForeign(s *ForeignRecord, partition int32, offset, stamp int64) {
	b.tr.Counts.Messages++
	if len(s.Value) == 0 {
		b.tr.Counts.Skipped++
		return
	}
	b.tr.addDeadLetter(DeadLetter{
		Partition: partition, Offset: offset, Reason: s.Reason, Field: s.Field,
		SHA256: sha256.Sum256(s.Value), MessageTime: schemas.Millis(clampStamp(stamp)),
	})
}

// places are where the records of a partition lie.
type recordOffsets struct {
	present   []int64 // in order
	compacted []int64 // likewise
}

// add says whether the offset comes after all others.
func (p *recordOffsets) add(offset int64, gone bool) bool {
	for _, list := range [][]int64{p.present, p.compacted} {
		if n := len(list); n > 0 && list[n-1] >= offset {
			return false
		}
	}
	if gone {
		p.compacted = append(p.compacted, offset)
	} else {
		p.present = append(p.present, offset)
	}
	return true
}

// within counts the entries of an ordered list in [start, next).
func within(list []int64, start, next int64) uint64 {
	from, _ := slices.BinarySearch(list, start)
	to, _ := slices.BinarySearch(list, next)
	return uint64(max(0, to-from))
}

// read is how many messages a reader of [start, next) has met: at low, and at
// most where compaction was at work.
func (tr *Truth) messageCount(partition int32, start, next int64) (low, high uint64) {
	if tr.offsets == nil { // a message at every offset
		n := uint64(max(0, next-start))
		return n, n
	}
	p := &tr.offsets[partition]
	low = within(p.present, start, next)
	return low, low + within(p.compacted, start, next)
}
