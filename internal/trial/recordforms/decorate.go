package recordforms

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/trial/harness"
	"github.com/pianola/pianola/schemas"
)

// outgoing is a record to publish: a message of the world, or a foreign record. Its key,
// headers and timestamp do not change its meaning.
type outgoing struct {
	message int
	foreign *world.ForeignRecord
	record  *kgo.Record
}

// decks are one for each choice of form, so that even a short stream has every form.
type decks struct {
	batching             *harness.Deck[batching]
	codecs               *harness.Deck[codec]
	commit               *harness.Deck[bool]
	keys                 *harness.Deck[form[[]byte]]
	headers              *harness.Deck[form[[]kgo.RecordHeader]]
	stamps               *harness.Deck[int64]
	invalid, large, tiny *harness.Deck[invalidValue]
}

func newDecks(dice *rand.Rand) decks {
	return decks{
		batching: harness.Shuffled(dice, singles, handfuls, hundreds, transactions, leaveOpen),
		codecs:   harness.Shuffled(dice, codecs...), commit: harness.Shuffled(dice, true, false),
		keys: harness.Shuffled(dice, keyForms...), headers: harness.Shuffled(dice, headerForms...), stamps: harness.Shuffled(dice, absurdStamps...),
		invalid: harness.Shuffled(dice, invalidValues...), large: harness.Shuffled(dice, largeValues...), tiny: harness.Shuffled(dice, invalidValues[:smallValues]...),
	}
}

// decorate gives a record another key, headers and timestamp, now and then.
func (f *publisher) decorate(d *outgoing) {
	r := d.record
	if r.Value == nil {
		f.Count("values null", 1)
	} else if r.Value[0] == 0 {
		f.Count("values with Confluent's prefix", 1)
	}
	if f.dice.IntN(5) == 0 {
		form := f.decks.keys.Draw()
		f.Count("keys "+form.name, 1)
		r.Key = form.make(f)
	}
	if f.compacting {
		r.Key = append(f.uniqueKey(), r.Key...)
	}
	if f.dice.IntN(4) == 0 {
		form := f.decks.headers.Draw()
		f.Count("headers "+form.name, 1)
		r.Headers = form.make(f)
	}
	// Timestamps decide where the segments of a compacted topic end.
	if !f.compacting && f.dice.IntN(20) == 0 {
		f.Count("timestamps absurd", 1)
		r.Timestamp = time.UnixMilli(f.decks.stamps.Draw())
	}
}

// uniqueKey is a key that no other record has.
func (f *publisher) uniqueKey() []byte {
	f.ledger.keys++
	return fmt.Appendf(nil, "only-%d-", f.ledger.keys)
}

// form is a key, or headers, as a careless producer sends them.
type form[T any] struct {
	name string
	make func(f *publisher) T
}

// keyForms are keys. A compacted topic requires a key: there they are the ends of unique
// keys.
var keyForms = []form[[]byte]{
	{"null", func(*publisher) []byte { return nil }},
	{"empty", func(*publisher) []byte { return []byte{} }},
	{"of one byte", func(*publisher) []byte { return []byte{0} }},
	{"that are no text", func(f *publisher) []byte { return f.noise(40) }},
	{"of 50 KB", func(f *publisher) []byte { return f.noise(50_000) }},
}

var headerForms = []form[[]kgo.RecordHeader]{
	{"one", func(*publisher) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}
	}},
	{"of one name", func(*publisher) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "trace", Value: []byte("1")}, {Key: "trace", Value: []byte("2")}, {Key: "trace"}}
	}},
	{"null, empty and nameless", func(*publisher) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "null"}, {Key: "empty", Value: []byte{}}, {}, {Key: "\xff\x00", Value: []byte{0xfe, 0, '{'}}}
	}},
	{"by the hundred", func(f *publisher) []kgo.RecordHeader {
		all := make([]kgo.RecordHeader, 200)
		for i := range all {
			all[i] = kgo.RecordHeader{Key: fmt.Sprintf("header-%d", i), Value: f.noise(f.dice.IntN(30))}
		}
		return all
	}},
	{"of 50 KB", func(f *publisher) []kgo.RecordHeader {
		return []kgo.RecordHeader{{Key: "large", Value: f.noise(50_000)}}
	}},
}

// absurdStamps are milliseconds since 1970: "none", 1970 itself, 1 ms later, a number of
// seconds, the years 1900 and 2200, and a time that the tables cannot hold. The producer's
// library keeps times in nanoseconds, so later ones are impossible.
var absurdStamps = []int64{-1, 0, 1, 1_750_000_000, -2_208_988_800_000, 7_258_118_400_000, 9_220_000_000_000}

// noise does not compress. No text begins with its first byte.
func (f *publisher) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(f.dice.Uint32())
	}
	if n > 0 {
		b[0] = 0xff
	}
	return b
}

// newSegment is a filler with a timestamp that begins another segment.
func (f *publisher) newSegment(partition int32) outgoing {
	d := f.fillerIn(partition)
	f.ahead = f.ahead.Add(2 * segmentSpan)
	d.record.Timestamp = f.ahead
	return d
}

// fillerIn is a record that compaction removes once another filler follows.
func (f *publisher) fillerIn(partition int32) outgoing {
	d := outgoing{foreign: &world.ForeignRecord{}, record: &kgo.Record{Partition: partition, Key: []byte("filler"), Timestamp: f.stamp}}
	if f.dice.IntN(2) == 0 {
		d.record.Value = []byte{} // a value for Kafka, and none for the contract
	}
	return d
}

// foreignRecord is a record that is not of the world.
func (f *publisher) foreignRecord(s invalidValue) outgoing {
	f.Count("values "+s.name, 1)
	value := s.value(f)
	d := outgoing{
		foreign: &world.ForeignRecord{Value: value, Reason: s.reason, Field: s.field},
		record:  &kgo.Record{Partition: f.dice.Int32N(harness.Partitions), Value: bytes.Clone(value), Timestamp: f.stamp},
	}
	if f.compacting {
		d.record.Key = f.uniqueKey()
	}
	return d
}

// invalidValue is a value that is not an event, and what the contract requires for it (§1).
// Without a reason it is skipped.
type invalidValue struct {
	name   string
	value  func(f *publisher) []byte
	reason schemas.Reason
	field  string
}

// smallValues is how many of invalidValues, from the first, have at most one byte.
const smallValues = 8

var invalidValues = []invalidValue{
	{name: "empty", value: literal("")},
	{name: "null", value: func(*publisher) []byte { return nil }},
	{name: "of one byte", value: literal("x"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("{"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal(" "), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("\x00"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("\xff"), reason: schemas.InvalidJSON},
	{name: "of one byte", value: literal("7"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: literal("[]"), reason: schemas.NotAnObject},
	{name: "of a few bytes", value: literal("{}"), reason: schemas.MissingField, field: "subscription_id"},
	// Confluent's prefix must be followed by an object at once.
	{name: "of a prefix alone", value: literal("\x00\x00\x00\x00\x01"), reason: schemas.InvalidJSON},
	{name: "prefixed, no object", value: literal("\x00\x00\x00\x00\x01[]"), reason: schemas.InvalidJSON},
	{name: "prefixed, white space first", value: literal("\x00\x00\x00\x00\x01 {}"), reason: schemas.InvalidJSON},
	{name: "prefixed and empty", value: literal("\x00\x00\x00\x00\x01{}"), reason: schemas.MissingField, field: "subscription_id"},
	{name: "prefixed twice", value: literal("\x00\x00\x00\x00\x01\x00\x00\x00\x00\x01{}"), reason: schemas.InvalidJSON},
}

const limit = world.MaxMessageBytes

// largeValues have sizes around the limit and far beyond it. Some compress to almost
// nothing, others do not compress.
var largeValues = []invalidValue{
	{name: "of the limit", value: noise(limit), reason: schemas.InvalidJSON},
	{name: "of the limit", value: blanks(limit), reason: schemas.MissingField, field: "subscription_id"},
	{name: "beyond the limit", value: noise(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(limit + 1), reason: schemas.TooLarge},
	{name: "beyond the limit", value: noise(3 * limit), reason: schemas.TooLarge},
	{name: "beyond the limit", value: blanks(7 * limit), reason: schemas.TooLarge},
}

func literal(s string) func(*publisher) []byte {
	return func(*publisher) []byte { return []byte(s) }
}

func noise(n int) func(*publisher) []byte {
	return func(f *publisher) []byte { return f.noise(n) }
}

// blanks is an empty object with white space before it.
func blanks(n int) func(*publisher) []byte {
	return func(*publisher) []byte {
		return append(bytes.Repeat([]byte{' '}, n-2), '{', '}')
	}
}
