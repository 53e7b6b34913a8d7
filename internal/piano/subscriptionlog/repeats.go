package subscriptionlog

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"slices"
	"strings"
)

// maxSeen limits the memory of repeats: 24 bytes a row.
const maxSeen = 2 << 20

// repeats finds a subscription that is in the file twice with other values. Piano writes
// one row a subscription, so such a file is damaged or was put together from several.
//
// It keeps hashes of the rows whose id hash is in a window. When they are too many, the
// window shrinks, and the file is read again for the rest.
type repeats struct {
	seed  maphash.Seed
	limit int
	from  uint64 // first id hash of the window
	to    uint64 // last one
	rows  []seenRow
	found *contradiction
}

type seenRow struct {
	id, values uint64 // hashes
	line       int
}

// contradiction is a subscription with two rows that differ.
type contradiction struct{ first, second int } // lines

func newRepeats() *repeats {
	return &repeats{seed: maphash.MakeSeed(), limit: maxSeen, to: math.MaxUint64}
}

// add takes a row: the hash of its id and that of all its values.
func (r *repeats) add(id, values uint64, line int) {
	if id < r.from || id > r.to {
		return
	}
	if len(r.rows) == r.limit {
		r.sort()
		if half := r.rows[len(r.rows)/2].id; len(r.rows) > r.limit/2 && half > r.from {
			r.to = half - 1
			n, _ := slices.BinarySearchFunc(r.rows, half, func(row seenRow, id uint64) int { return cmp.Compare(row.id, id) })
			r.rows = r.rows[:n]
		}
		if id > r.to {
			return
		}
	}
	r.rows = append(r.rows, seenRow{id, values, line})
}

// sort sorts the rows by id, drops those that repeat another, and keeps the first
// contradiction.
func (r *repeats) sort() {
	slices.SortFunc(r.rows, func(a, b seenRow) int {
		return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.line, b.line))
	})
	kept := r.rows[:0]
	for _, row := range r.rows {
		if n := len(kept); n > 0 && kept[n-1].id == row.id {
			if kept[n-1].values != row.values && (r.found == nil || row.line < r.found.second) {
				r.found = &contradiction{kept[n-1].line, row.line}
			}
			continue
		}
		kept = append(kept, row)
	}
	r.rows = kept
}

// next moves the window behind itself; false at the end.
func (r *repeats) next() bool {
	r.sort()
	if r.found != nil || r.to == math.MaxUint64 {
		return false
	}
	r.from, r.to, r.rows = r.to+1, math.MaxUint64, r.rows[:0]
	return true
}

// contradictions reads the rest of the file as often as the windows need it. Its error
// names the first contradiction.
func (r *Reader) contradictions() error {
	for r.repeats.next() {
		again, err := Open(r.file, r.size, r.rules)
		if err != nil {
			return err
		}
		for err == nil {
			var record []string
			if record, err = again.record(); err == nil {
				id, values := r.hashes(record)
				r.repeats.add(id, values, again.line)
			}
		}
		if closed := again.Close(); errors.Is(err, io.EOF) {
			err = closed
		}
		if err != nil {
			return err
		}
	}
	if c := r.repeats.found; c != nil {
		return &Error{Line: c.second, Column: columns[0].name, Hint: "export the log again",
			cause: fmt.Errorf("the subscription of line %d again, with other values", c.first)}
	}
	return nil
}

// hashes are of the subscription's id and of all known fields of a record.
func (r *Reader) hashes(record []string) (id, values uint64) {
	var h maphash.Hash
	h.SetSeed(r.repeats.seed)
	for i, c := range r.columns {
		if c == nil {
			continue
		}
		text := strings.TrimSpace(record[i])
		_, _ = h.WriteString(text) // never an error
		_ = h.WriteByte(0)
		if c == &columns[0] {
			id = maphash.String(r.repeats.seed, text)
		}
	}
	return id, h.Sum64()
}
