package sink

import (
	"bytes"
	"hash/maphash"

	"github.com/ClickHouse/ch-go/proto"
)

// dictionary numbers the distinct words of a column in the order of first use. It
// is an open-addressed table over the slab that is sent, so a new word costs only
// its bytes and no garbage collection. The hash is seeded, so a publisher cannot
// choose words that collide.
type dictionary struct {
	values proto.ColStr
	slots  []slot // a power of two, at most three quarters full
	used   int
	seed   maphash.Seed
	last   uint32 // the last key: neighbours are often equal
}

// slot is an entry of the table. next is the number of the word plus one; 0 is
// free.
type slot struct {
	hash uint32
	next uint32
}

const firstSlots = 64

func (d *dictionary) len() int               { return len(d.values.Pos) }
func (d *dictionary) word(key uint32) []byte { return d.values.RowBytes(int(key)) }

// key returns the number of v and how many bytes it added to the dictionary.
func (d *dictionary) key(v []byte) (key uint32, added int) {
	if d.used > 0 && bytes.Equal(d.word(d.last), v) {
		return d.last, 0
	}
	if d.slots == nil {
		d.slots = make([]slot, firstSlots)
		d.seed = maphash.MakeSeed()
	}
	hash := uint32(maphash.Bytes(d.seed, v))
	mask := uint32(len(d.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		s := d.slots[at]
		if s.next == 0 {
			return d.add(at, hash, v)
		}
		if s.hash == hash && bytes.Equal(d.word(s.next-1), v) {
			d.last = s.next - 1
			return d.last, 0
		}
	}
}

func (d *dictionary) add(at, hash uint32, v []byte) (uint32, int) {
	key := uint32(d.len())
	d.values.AppendBytes(v)
	d.slots[at] = slot{hash: hash, next: key + 1}
	d.used++
	d.last = key
	if d.used*4 >= len(d.slots)*3 {
		d.grow()
	}
	return key, len(v) + 1
}

func (d *dictionary) grow() {
	old := d.slots
	d.slots = make([]slot, 2*len(old))
	mask := uint32(len(d.slots) - 1)
	for _, s := range old {
		if s.next == 0 {
			continue
		}
		at := s.hash & mask
		for d.slots[at].next != 0 {
			at = (at + 1) & mask
		}
		d.slots[at] = s
	}
}

func (d *dictionary) reset() {
	d.values.Reset()
	clear(d.slots)
	d.used, d.last = 0, 0
}
