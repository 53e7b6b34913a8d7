package trial

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
)

// dressed is a record that is to be told: a message of the world or a stray, with
// a key, headers and a timestamp that change nothing of what it says.
type dressed struct {
	message int
	stray   *world.ForeignRecord
	record  *kgo.Record
}

// deck deals numbers below n in random order, and all of them before any comes
// again: so that even a short stream has every form.
type deck struct {
	dice  *rand.Rand
	n     int
	cards []int
}

func (d *deck) draw() int {
	if len(d.cards) == 0 {
		d.cards = d.dice.Perm(d.n)
	}
	card := d.cards[0]
	d.cards = d.cards[1:]
	return card
}

// decks are one for each thing that there is a choice of.
type decks struct {
	bouts, codecs, fates, keys, headers, stamps, strays, large, heap *deck
}

func newDecks(dice *rand.Rand) decks {
	of := func(n int) *deck { return &deck{dice: dice, n: n} }
	return decks{
		bouts: of(int(leaveOpen) + 1), codecs: of(len(codecs)), fates: of(2), keys: of(len(keyForms)), headers: of(len(headerForms)),
		stamps: of(len(absurdStamps)), strays: of(len(strays)), large: of(len(largeStrays)), heap: of(smallStrays),
	}
}

// dress gives a record another key, headers and timestamp, now and then.
func (f *formTeller) dress(d *dressed) {
	r := d.record
	if r.Value == nil {
		f.count("values null", 1)
	} else if r.Value[0] == 0 {
		f.count("values with Confluent's prefix", 1)
	}
	if f.dice.IntN(5) == 0 {
		form := keyForms[f.decks.keys.draw()]
		f.count("keys "+form.name, 1)
		r.Key = form.make(f)
	}
	if f.compacting {
		r.Key = append(f.uniqueKey(), r.Key...)
	}
	if f.dice.IntN(4) == 0 {
		form := headerForms[f.decks.headers.draw()]
		f.count("headers "+form.name, 1)
		r.Headers = form.make(f)
	}
	// The cleaner's segments are cut by the records' time.
	if !f.compacting && f.dice.IntN(20) == 0 {
		f.count("timestamps absurd", 1)
		r.Timestamp = time.UnixMilli(absurdStamps[f.decks.stamps.draw()])
	}
}

// uniqueKey is one that no other record has.
func (f *formTeller) uniqueKey() []byte {
	f.book.keys++
	return fmt.Appendf(nil, "only-%d-", f.book.keys)
}

// keyForms are keys that a careless producer sends. A compacted topic takes none
// without a key: there they are what a unique one ends in.
var keyForms = []struct {
	name string
	make func(f *formTeller) []byte
}{
	{"null", func(*formTeller) []byte { return nil }},
	{"empty", func(*formTeller) []byte { return []byte{} }},
	{"of one byte", func(*formTeller) []byte { return []byte{0} }},
	{"that are no text", func(f *formTeller) []byte { return f.noise(40) }},
	{"of 50 KB", func(f *formTeller) []byte { return f.noise(50_000) }},
}

var headerForms = []struct {
	name string
	make func(f *formTeller) []kgo.RecordHeader
}{
	{"one", func(*formTeller) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}
	}},
	{"of one name", func(*formTeller) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "trace", Value: []byte("1")}, {Key: "trace", Value: []byte("2")}, {Key: "trace"}}
	}},
	{"null, empty and nameless", func(*formTeller) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "null"}, {Key: "empty", Value: []byte{}}, {}, {Key: "\xff\x00", Value: []byte{0xfe, 0, '{'}}}
	}},
	{"by the hundred", func(f *formTeller) []kgo.RecordHeader {
		all := make([]kgo.RecordHeader, 200)
		for i := range all {
			all[i] = kgo.RecordHeader{Key: fmt.Sprintf("header-%d", i), Value: f.noise(f.dice.IntN(30))}
		}
		return all
	}},
	{"of 50 KB", func(f *formTeller) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "large", Value: f.noise(50_000)}}
	}},
}

// absurdStamps are milliseconds since 1970: "none", at it, next to it, a number of
// seconds, 1900, 2200, and beyond what the tables hold. The producer's library keeps
// times in nanoseconds, so none can be later.
var absurdStamps = []int64{-1, 0, 1, 1_750_000_000, -2_208_988_800_000, 7_258_118_400_000, 9_220_000_000_000}

// noise does not compress, and begins with a byte that no text begins with.
func (f *formTeller) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.dice.Uint32())
	}
	if n > 0 {
		b[0] = 0xff
	}
	return b
}

// newSegment is a filler so far ahead that it begins another segment.
func (f *formTeller) newSegment(partition int32) dressed {
	d := f.fillerIn(partition)
	f.ahead = f.ahead.Add(2 * segmentSpan)
	d.record.Timestamp = f.ahead
	return d
}

// fillerIn is one that compaction takes away once another of its kind follows.
func (f *formTeller) fillerIn(partition int32) dressed {
	d := dressed{stray: &world.ForeignRecord{}, record: &kgo.Record{Partition: partition, Key: []byte("filler"), Timestamp: f.stamp}}
	if f.dice.IntN(2) == 0 {
		d.record.Value = []byte{} // for Kafka a value, for the contract none
	}
	return d
}

// stray dresses a record that is not of the world.
func (f *formTeller) stray(s strayForm) dressed {
	f.count("values "+s.name, 1)
	value := s.value(f)
	d := dressed{
		stray:  &world.ForeignRecord{Value: value, Reason: s.reason, Field: s.field},
		record: &kgo.Record{Partition: f.dice.Int32N(partitions), Value: bytes.Clone(value), Timestamp: f.stamp},
	}
	if f.compacting {
		d.record.Key = f.uniqueKey()
	}
	return d
}
