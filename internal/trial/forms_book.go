package trial

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// fate is what has become of a record that a broker has taken.
type fate int

const (
	fateTold    fate = iota // it is there for everybody
	fateAborted             // and for who reads uncommitted
)

// entry is a record that was handed to a producer, and where it came to lie: the
// record knows its offset once it is in the log.
type entry struct {
	dressed
	fate     fate
	fleeting bool // compaction may take it away
	err      error
}

// book is what the publisher has told, by where the broker has put it.
type book struct {
	topic   string
	entries [partitions]map[int64]*entry
	ends    [partitions]int64 // behind the last record told
	keys    int               // unique ones that were given
}

func newBook(topic string) *book {
	b := &book{topic: topic}
	for p := range b.entries {
		b.entries[p] = map[int64]*entry{}
	}
	return b
}

func (b *book) add(entries []*entry, f fate) {
	for _, e := range entries {
		e.fate = f
		p, at := e.record.Partition, e.record.Offset
		b.entries[p][at] = e
		b.ends[p] = max(b.ends[p], at+1)
		if e.stray == nil {
			e.record.Value, e.record.Headers, e.record.Key = nil, nil, nil // the world tells it again
		}
	}
}

// end is how many offsets have been told, all partitions together.
func (b *book) end() int64 {
	sum := int64(0)
	for _, end := range b.ends {
		sum += end
	}
	return sum
}

var errLog = errors.New("the log is not what was told")

// laid holds a reading of the log against what was told, and gives what lies where:
// what was read, and what compaction may have taken away before that. aborted says
// that the reading has what was aborted too.
func (b *book) laid(read []*kgo.Record, aborted bool) ([]world.LogRecord, error) {
	var all []world.LogRecord
	found := make(map[*entry]bool, len(read))
	for _, r := range read {
		e := b.entries[r.Partition][r.Offset]
		where := fmt.Sprintf("%s/%d/%d", b.topic, r.Partition, r.Offset)
		switch {
		case e == nil:
			return nil, fmt.Errorf("%w: nobody has told %s", errLog, where)
		case e.fate == fateAborted && !aborted:
			return nil, fmt.Errorf("%w: %s was aborted", errLog, where)
		case r.Attrs.TimestampType() == 0 && r.Timestamp.UnixMilli() != e.record.Timestamp.UnixMilli():
			return nil, fmt.Errorf("%w: %s has the timestamp %d, told was %d", errLog, where, r.Timestamp.UnixMilli(), e.record.Timestamp.UnixMilli())
		}
		found[e] = true
		all = append(all, e.laid(r.Timestamp.UnixMilli(), false))
	}
	for p := range b.entries {
		for at, e := range b.entries[p] {
			if found[e] || e.fate == fateAborted && !aborted {
				continue
			}
			if !e.fleeting {
				return nil, fmt.Errorf("%w: %s/%d/%d is not there any more", errLog, b.topic, p, at)
			}
			all = append(all, e.laid(e.record.Timestamp.UnixMilli(), true))
		}
	}
	slices.SortFunc(all, func(a, b world.LogRecord) int {
		return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
	})
	return all, nil
}

func (e *entry) laid(stamp int64, gone bool) world.LogRecord {
	return world.LogRecord{
		Partition: e.record.Partition, Offset: e.record.Offset, Stamp: stamp, Message: e.message, Foreign: e.stray, Compacted: gone,
	}
}
