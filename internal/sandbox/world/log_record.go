package world

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"

	"github.com/pianola/pianola/schemas"
)

// LogRecord is one record of a topic: a message of the world, or a foreign record.
type LogRecord struct {
	Partition int32
	Offset    int64
	Stamp     int64 // milliseconds, as a reader of the record gets them
	// Message is the index in the order of Messages. A message may have several
	// records, one per delivery.
	Message int
	Foreign *ForeignRecord // instead of a message of the world
	// Compacted marks a tombstone that compaction removed. The ledger may have counted
	// it before. Records with values have keys that compaction keeps.
	Compacted bool
}

// ForeignRecord is a record that no event of the world caused. The pipeline must skip it
// when the value is empty, and otherwise make it a dead letter.
type ForeignRecord struct {
	Value  []byte
	Reason schemas.Reason
	Field  string // empty is NULL
}

var errLog = errors.New("invalid log of the world")

// TruthOfLog returns the truth of a topic with exactly these records. The records of a
// partition are in the order of their offsets. ends are the end offsets of the
// partitions, after the last record or transaction marker. Offsets between records are
// never counted.
func (w *World) TruthOfLog(records []LogRecord, ends []int64) (*Truth, error) {
	if len(ends) != w.cfg.Partitions {
		return nil, fmt.Errorf("%w: %d partitions, want %d", errLog, len(ends), w.cfg.Partitions)
	}
	b := w.newTruth(&compiledRules{}, ends)
	tr := b.tr
	tr.offsets = make([]recordOffsets, len(ends))
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
		return fmt.Errorf("%w: record at %s is at or after the end offset", errLog, where)
	}
	if !b.tr.offsets[r.Partition].add(r.Offset, r.Compacted) {
		return fmt.Errorf("%w: record at %s is out of order", errLog, where)
	}
	if r.Foreign == nil && (r.Message < 0 || r.Message >= len(b.tr.w.schedule) ||
		b.tr.w.partitionOf(&b.tr.w.schedule[r.Message]) != r.Partition) {
		return fmt.Errorf("%w: message %d does not belong to %s", errLog, r.Message, where)
	}
	if r.Compacted {
		if r.Foreign == nil && b.tr.w.schedule[r.Message].kind != kindTombstone || r.Foreign != nil && len(r.Foreign.Value) > 0 {
			return fmt.Errorf("%w: compacted record at %s has a value", errLog, where)
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

// addForeign adds a foreign record to the truth.
func (b *truthBuilder) addForeign(s *ForeignRecord, partition int32, offset, stamp int64) {
	b.tr.Counts.Messages++
	if len(s.Value) == 0 {
		b.tr.Counts.Skipped++
		return
	}
	b.tr.addDeadLetter(DeadLetter{
		Partition: partition, Offset: offset, Reason: s.Reason, Field: s.Field,
		SHA256: sha256.Sum256(s.Value), MessageTime: schemas.Millis(recordTime(stamp)),
	})
}

// recordOffsets are the offsets of a partition's records.
type recordOffsets struct {
	present   []int64 // in order
	compacted []int64 // in order
}

// add reports whether the offset is greater than all others.
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

// messageCount returns how many messages a reader of [start, next) has received. With
// compaction it is a range.
func (tr *Truth) messageCount(partition int32, start, next int64) (low, high uint64) {
	if tr.offsets == nil { // a message at every offset
		n := uint64(max(0, next-start))
		return n, n
	}
	p := &tr.offsets[partition]
	low = within(p.present, start, next)
	return low, low + within(p.compacted, start, next)
}
