package consumer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math"
	"slices"
	"testing"

	"github.com/segmentio/kafka-go/compress"
)

// testBatch is a record batch to be written: the values stand at the offsets
// base + deltas, and last may lie beyond them, as after compaction.
type testBatch struct {
	base       int64
	deltas     []int64
	last       int32
	attributes int16
	producer   int64
	value      string
	values     []string // one for each record, instead of value
	times      []int64  // beside firstTime; nil for zeros
	firstTime  int64
	maxTime    int64
	key        []byte
	trailing   []byte
	compress   func([]byte) []byte // instead of the codec's own writer
}

func (tb testBatch) bytes() []byte {
	var records []byte
	for i, delta := range tb.deltas {
		value := tb.value
		if tb.values != nil {
			value = tb.values[i]
		}
		var time int64
		if tb.times != nil {
			time = tb.times[i]
		}
		r := []byte{0}
		r = binary.AppendVarint(r, time)
		r = binary.AppendVarint(r, delta)
		r = binary.AppendVarint(r, int64(len(tb.key)))
		r = append(r, tb.key...)
		r = binary.AppendVarint(r, int64(len(value)))
		r = append(r, value...)
		r = binary.AppendVarint(r, 0)
		records = binary.AppendVarint(records, int64(len(r)))
		records = append(records, r...)
	}
	records = append(records, tb.trailing...)
	if tb.compress != nil {
		records = tb.compress(records)
	} else if codec := compress.Compression(tb.attributes & codecBits).Codec(); codec != nil {
		records = compressed(codec, records)
	}
	var body []byte
	body = binary.BigEndian.AppendUint16(body, uint16(tb.attributes))
	body = binary.BigEndian.AppendUint32(body, uint32(tb.last))
	body = binary.BigEndian.AppendUint64(body, uint64(tb.firstTime))
	body = binary.BigEndian.AppendUint64(body, uint64(tb.maxTime))
	body = binary.BigEndian.AppendUint64(body, uint64(tb.producer))
	body = append(body, 0, 0, 0, 0, 0, 0) // producer epoch, base sequence
	body = binary.BigEndian.AppendUint32(body, uint32(len(tb.deltas)))
	body = append(body, records...)

	var out []byte
	out = binary.BigEndian.AppendUint64(out, uint64(tb.base))
	out = binary.BigEndian.AppendUint32(out, uint32(9+len(body)))
	out = append(out, 0, 0, 0, 0, 2)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(body, castagnoli))
	return append(out, body...)
}

func compressed(codec compress.Codec, data []byte) []byte {
	var b bytes.Buffer
	w := codec.NewWriter(&b)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// oldEntry is one entry of a message set, format 0 or 1.
func oldEntry(offset int64, magic, attributes byte, timestamp int64, value []byte) []byte {
	body := []byte{magic, attributes}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, uint64(timestamp))
	}
	body = binary.BigEndian.AppendUint32(body, ^uint32(0)) // no key
	body = binary.BigEndian.AppendUint32(body, uint32(len(value)))
	body = append(body, value...)
	var out []byte
	out = binary.BigEndian.AppendUint64(out, uint64(offset))
	out = binary.BigEndian.AppendUint32(out, uint32(4+len(body)))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	return append(out, body...)
}

func decodeAll(data []byte, position int64, committed bool, aborted ...abortedTransaction) (batches, []int64, error) {
	b := batches{workspace: new(workspace)}
	b.reset(data, position, committed, aborted)
	var offsets []int64
	for first := true; first || len(b.rest) > 0; first = false {
		err := b.decode(1)
		for _, r := range b.records {
			offsets = append(offsets, r.Offset)
		}
		if err != nil {
			return b, offsets, err
		}
	}
	return b, offsets, nil
}

func TestBatches_decode(t *testing.T) {
	abort := []byte{0, 0, 0, 0}
	for _, test := range []struct {
		name     string
		data     []byte
		position int64
		aborted  []abortedTransaction
		offsets  []int64
		next     int64
	}{
		{name: "nothing", next: 0},
		{
			name:    "holes_of_compaction",
			data:    testBatch{base: 0, deltas: []int64{1, 4}, last: 9, producer: -1}.bytes(),
			offsets: []int64{1, 4}, next: 10,
		},
		{
			name: "a_batch_that_compaction_has_emptied",
			data: slices.Concat(
				testBatch{base: 0, deltas: []int64{0}, last: 0, producer: -1}.bytes(),
				testBatch{base: 1, last: 998, producer: -1}.bytes()),
			offsets: []int64{0}, next: 1000,
		},
		{
			name: "a_last_batch_that_is_cut_off",
			data: slices.Concat(
				testBatch{base: 0, deltas: []int64{0}, producer: -1}.bytes(),
				testBatch{base: 1, deltas: []int64{0}, producer: -1}.bytes()[:40]),
			offsets: []int64{0}, next: 1,
		},
		{
			name: "a_last_batch_of_which_not_even_the_length_came",
			data: slices.Concat(
				testBatch{base: 0, deltas: []int64{0}, producer: -1}.bytes(), []byte{0, 0, 0}),
			offsets: []int64{0}, next: 1,
		},
		{
			name: "records_before_the_position", position: 5,
			data:    testBatch{base: 3, deltas: []int64{0, 1, 2, 3}, last: 3, producer: -1}.bytes(),
			offsets: []int64{5, 6}, next: 7,
		},
		{
			name: "an_aborted_transaction_between_two_committed_ones_of_its_producer",
			data: slices.Concat(
				testBatch{base: 0, deltas: []int64{0}, attributes: transactionalBit, producer: 7}.bytes(),
				testBatch{base: 1, deltas: []int64{0}, attributes: transactionalBit | controlBit, producer: 7, key: []byte{0, 0, 0, 1}}.bytes(),
				testBatch{base: 2, deltas: []int64{0}, attributes: transactionalBit, producer: 7}.bytes(),
				testBatch{base: 3, deltas: []int64{0}, attributes: transactionalBit, producer: 8}.bytes(),
				testBatch{base: 4, deltas: []int64{0}, attributes: transactionalBit | controlBit, producer: 7, key: abort}.bytes(),
				testBatch{base: 5, deltas: []int64{0}, attributes: transactionalBit, producer: 7}.bytes()),
			aborted: []abortedTransaction{{producer: 7, first: 2}},
			offsets: []int64{0, 3, 5}, next: 6,
		},
		{
			name: "aborted_transactions_that_come_out_of_order",
			data: slices.Concat(
				testBatch{base: 0, deltas: []int64{0}, attributes: transactionalBit, producer: 7}.bytes(),
				testBatch{base: 1, deltas: []int64{0}, attributes: transactionalBit, producer: 8}.bytes(),
				testBatch{base: 2, deltas: []int64{0}, attributes: transactionalBit | controlBit, producer: 8, key: abort}.bytes(),
				testBatch{base: 3, deltas: []int64{0}, attributes: transactionalBit, producer: 8}.bytes()),
			aborted: []abortedTransaction{{producer: 8, first: 1}, {producer: 7, first: 0}},
			offsets: []int64{3}, next: 4,
		},
		{
			name: "a_marker_that_compaction_has_emptied",
			data: slices.Concat(
				testBatch{base: 0, attributes: transactionalBit | controlBit, producer: 7}.bytes(),
				testBatch{base: 1, deltas: []int64{0}, producer: 7}.bytes()),
			offsets: []int64{1}, next: 2,
		},
		{
			name: "old_formats",
			data: slices.Concat(
				oldEntry(0, 0, 0, 0, []byte("a")),
				oldEntry(1, 1, 0, 5, []byte("b")),
				oldEntry(4, 1, byte(compress.Gzip), 9, compressed(&compress.GzipCodec, slices.Concat(
					oldEntry(0, 1, 0, 5, []byte("c")), oldEntry(1, 1, 0, 6, []byte("d")), oldEntry(2, 1, 0, 7, []byte("e"))))),
				oldEntry(6, 0, byte(compress.Snappy), 0, compressed(&compress.SnappyCodec, slices.Concat(
					oldEntry(5, 0, 0, 0, []byte("f")), oldEntry(6, 0, 0, 0, []byte("g")))))),
			position: 1,
			offsets:  []int64{1, 2, 3, 4, 5, 6}, next: 7,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, offsets, err := decodeAll(test.data, test.position, true, test.aborted...)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(offsets, test.offsets) || b.position != test.next {
				t.Fatalf("got %v and next %d, want %v and %d", offsets, b.position, test.offsets, test.next)
			}
		})
	}
}

func TestBatches_decode_timestamps(t *testing.T) {
	for name, test := range map[string]struct {
		data []byte
		want []int64
	}{
		"of_the_producer": {testBatch{deltas: []int64{0, 1}, last: 1, producer: -1, firstTime: 1000, times: []int64{5, -7}, maxTime: 1005}.bytes(), []int64{1005, 993}},
		"of_the_broker":   {testBatch{deltas: []int64{0, 1}, last: 1, producer: -1, firstTime: 1000, times: []int64{5, -7}, maxTime: 9999, attributes: logAppendTimeBit}.bytes(), []int64{9999, 9999}},
		"of_an_old_wrapper_by_the_broker": {oldEntry(1, 1, byte(compress.Gzip)|logAppendTimeBit, 777, compressed(&compress.GzipCodec, slices.Concat(
			oldEntry(0, 1, 0, 5, []byte("c")), oldEntry(1, 1, 0, 6, []byte("d"))))), []int64{777, 777}},
		"absent_in_format_0": {oldEntry(0, 0, 0, 0, []byte("a")), []int64{-1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := batches{workspace: new(workspace)}
			b.reset(test.data, 0, true, nil)
			if err := b.decode(1 << 20); err != nil {
				t.Fatal(err)
			}
			var got []int64
			for _, r := range b.records {
				got = append(got, r.Timestamp)
			}
			if !slices.Equal(got, test.want) {
				t.Fatalf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestBatches_decode_corrupt(t *testing.T) {
	good := testBatch{base: 10, deltas: []int64{0, 1}, last: 1, producer: -1, value: "v"}
	flip := func(at int) []byte {
		b := good.bytes()
		b[at] ^= 0xff
		return b
	}
	beyond := good
	beyond.last = 0
	falling := good
	falling.deltas = []int64{1, 0}
	trailing := good
	trailing.trailing = []byte{1, 2, 3}
	damaged := testBatch{base: 10, deltas: []int64{0}, producer: -1}
	counts := good.bytes()
	binary.BigEndian.PutUint32(counts[57:], 3)
	binary.BigEndian.PutUint32(counts[17:], crc32.Checksum(counts[21:], castagnoli))
	for name, data := range map[string][]byte{
		"value":                   flip(len(good.bytes()) - 2),
		"checksum":                flip(17),
		"format":                  flip(magicOffset),
		"negative_offset":         flip(0),
		"offset_beyond_the_last":  beyond.bytes(),
		"falling_offsets":         falling.bytes(),
		"more_bytes_than_told":    trailing.bytes(),
		"fewer_records_than_told": counts,
		"impossible_length":       append(make([]byte, 8), 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 2),
		"compressed_rubbish": func() []byte {
			b := damaged.bytes()
			b[22] |= byte(compress.Lz4)
			binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
			return b
		}(),
		"offset_beyond_all":     testBatch{base: math.MaxInt64, deltas: []int64{0}, producer: -1}.bytes(),
		"old_offset_beyond_all": oldEntry(math.MaxInt64, 1, 0, 5, []byte("abc")),
		"old_falling_offsets": oldEntry(12, 1, byte(compress.Gzip), 9, compressed(&compress.GzipCodec, slices.Concat(
			oldEntry(1, 1, 0, 5, []byte("c")), oldEntry(0, 1, 0, 6, []byte("d")), oldEntry(2, 1, 0, 7, []byte("e"))))),
		"old_checksum": func() []byte {
			b := oldEntry(10, 1, 0, 5, []byte("abc"))
			b[len(b)-1] ^= 1
			return b
		}(),
		"old_wrapper_in_a_wrapper": oldEntry(10, 1, byte(compress.Gzip), 0, compressed(&compress.GzipCodec,
			oldEntry(0, 1, byte(compress.Gzip), 0, compressed(&compress.GzipCodec, oldEntry(0, 1, 0, 0, []byte("x")))))),
	} {
		t.Run(name, func(t *testing.T) {
			before := testBatch{base: 9, deltas: []int64{0}, producer: -1}.bytes()
			b, offsets, err := decodeAll(slices.Concat(before, data), 9, true)
			var corrupt *CorruptError
			if !errors.As(err, &corrupt) || corrupt.Offset != 10 {
				t.Fatalf("got %v, want a corrupt batch at 10", err)
			}
			if !slices.Equal(offsets, []int64{9}) || b.position != 10 {
				t.Fatalf("got %v and next %d, want the batch before", offsets, b.position)
			}
		})
	}
}

func TestBatches_decode_first_batch_cut_off(t *testing.T) {
	data := testBatch{deltas: []int64{0}, producer: -1}.bytes()
	if _, _, err := decodeAll(data[:len(data)-1], 0, true); !errors.Is(err, errPartial) {
		t.Fatalf("got %v", err)
	}
}

func TestAppendSnappy_refuses_lengths_that_lie(t *testing.T) {
	for name, data := range map[string][]byte{
		"raw":   binary.AppendUvarint(nil, 1<<30),
		"frame": append(append(slices.Clone(xerial), make([]byte, 8)...), 0x7f, 0xff, 0xff, 0xff, 1),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := new(decompressor).appendSnappy(nil, data); err == nil {
				t.Fatal("it was taken")
			}
		})
	}
}

// TestBatches_decode_allocates_nothing_a_record counts what one set of a thousand
// records costs once the memory is there: what a decompressor needs for itself.
func TestBatches_decode_allocates_nothing_a_record(t *testing.T) {
	const records = 1000
	deltas := make([]int64, records)
	for i := range deltas {
		deltas[i] = int64(i)
	}
	for _, codec := range []compress.Compression{compress.None, compress.Gzip, compress.Snappy, compress.Lz4, compress.Zstd} {
		t.Run(codec.String(), func(t *testing.T) {
			data := testBatch{deltas: deltas, last: records - 1, producer: -1, attributes: int16(codec), value: "a value of some length"}.bytes()
			b := batches{workspace: new(workspace)}
			each := testing.AllocsPerRun(20, func() {
				b.reset(data, 0, true, nil)
				if err := b.decode(1 << 20); err != nil || len(b.records) != records {
					t.Fatalf("%d records, %v", len(b.records), err)
				}
			})
			if each > records/10 {
				t.Fatalf("%v allocations for %d records", each, records)
			}
		})
	}
}

// FuzzBatches holds for any bytes: no panic, offsets that rise and lie between
// the positions, a position that never goes back, and an end.
func FuzzBatches(f *testing.F) {
	for _, codec := range []int16{0, 1, 2, 3, 4} {
		f.Add(testBatch{base: 5, deltas: []int64{0, 3}, last: 4, attributes: codec | transactionalBit, producer: 1, value: "value"}.bytes(), int64(5), true)
	}
	f.Add(testBatch{base: 5, deltas: []int64{0}, attributes: controlBit, producer: 1, key: []byte{0, 0, 0, 0}}.bytes(), int64(0), true)
	f.Add(oldEntry(3, 1, 1, 9, compressed(&compress.GzipCodec, oldEntry(0, 1, 0, 5, []byte("c")))), int64(0), false)
	f.Fuzz(func(t *testing.T, data []byte, position int64, committed bool) {
		repairChecksum(data)
		b := batches{workspace: new(workspace)}
		b.reset(data, position, committed, []abortedTransaction{{producer: 1, first: 6}})
		for len(b.rest) > 0 {
			start, last, rest := b.position, int64(math.MinInt64), len(b.rest)
			err := b.decode(1)
			if err == nil && len(b.rest) >= rest {
				t.Fatal("decoding does not end")
			}
			if b.position < start {
				t.Fatalf("the position went back from %d to %d", start, b.position)
			}
			for _, r := range b.records {
				if r.Offset < start || r.Offset >= b.position {
					t.Fatalf("offset %d outside of [%d, %d)", r.Offset, start, b.position)
				}
				if r.Offset <= last {
					t.Fatalf("offset %d after %d", r.Offset, last)
				}
				last = r.Offset
			}
			if err != nil {
				return
			}
		}
	})
}

// repairChecksum lets the fuzzer past the checksum of a first batch.
func repairChecksum(data []byte) {
	if len(data) < 61 || data[magicOffset] != 2 {
		return
	}
	length := int64(binary.BigEndian.Uint32(data[lengthOffset:]))
	if end := headLength + length; end > 21 && end <= int64(len(data)) {
		binary.BigEndian.PutUint32(data[17:], crc32.Checksum(data[21:end], castagnoli))
	}
}
