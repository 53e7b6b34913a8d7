package consumer

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go/compress"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// pieces decodes a whole response as a reader does, one set at a time. It returns
// the offsets of the records and the largest slab that was needed.
func pieces(t *testing.T, data []byte, position int64, value string) (offsets []int64, sets, slab int, err error) {
	t.Helper()
	return decodeSets(t, data, position, func(got string) bool { return got == value })
}

func decodeSets(t *testing.T, data []byte, position int64, valid func(string) bool) (offsets []int64, sets, slab int, err error) {
	t.Helper()
	all := newWorkspaces(1)
	b := batches{}
	b.reset(data, position, true, nil)
	for len(b.rest) > 0 {
		if sets++; sets > 1000 {
			t.Fatal("it does not come to an end")
		}
		at := b.position
		if b.workspace, err = all.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		err := b.decode(1 << 20)
		if errors.Is(err, errLarge) && b.position == at {
			if err := all.enlarge(t.Context(), b.workspace); err != nil {
				t.Fatal(err)
			}
			err = b.decode(1 << 20)
		}
		if err != nil {
			return offsets, sets, slab, err
		}
		if len(b.records) > maxRecords {
			t.Fatalf("%d records in a set", len(b.records))
		}
		if b.stale {
			t.Fatal("a piece that moved the position counts as none")
		}
		for _, r := range b.records {
			if !valid(string(r.Value)) || r.Offset < at {
				t.Fatalf("record %d has %d bytes", r.Offset, len(r.Value))
			}
			offsets, at = append(offsets, r.Offset), r.Offset+1
		}
		if b.position < at {
			t.Fatalf("the position %d is behind the record %d", b.position, at-1)
		}
		slab = max(slab, cap(b.slab))
		all.give(b.workspace, 1<<20)
		b.workspace = nil
	}
	return offsets, sets, slab, nil
}

// TestBatches_decode_pieces: a batch that unpacks to far more than a piece comes
// out in pieces, whole and in order, from wherever in it, and never needs the
// memory of the whole.
func TestBatches_decode_pieces(t *testing.T) {
	tier.Full(t, "decodes every split of large batches")
	const records = 30
	value := strings.Repeat("v", 1<<20)
	large := testBatch{base: 100, last: records + 3, producer: -1, value: value} // compaction has taken the last ones
	for i := range int64(records) {
		large.deltas = append(large.deltas, i)
	}
	next := testBatch{base: 200, deltas: []int64{0}, producer: -1, value: value}
	for _, codec := range []compress.Compression{compress.Gzip, compress.Lz4, compress.Zstd, compress.Snappy} {
		large.attributes, next.attributes = int16(codec), int16(codec)
		data := slices.Concat(next.at(50), large.bytes(), next.bytes())
		for _, from := range []int64{0, 101, 115, 130, 133} {
			offsets, sets, slab, err := pieces(t, data, from, value)
			var want []int64
			for _, at := range append(append([]int64{50}, offsetsFrom(100, records)...), 200) {
				if at >= from {
					want = append(want, at)
				}
			}
			if err != nil || !slices.Equal(offsets, want) {
				t.Errorf("%s from %d: offsets %d, %v, want %d", codec, from, offsets, err, want)
			}
			if codec == compress.Snappy {
				continue // in one piece
			}
			if slab > 2*pieceBytes {
				t.Errorf("%s from %d: a slab of %d MiB", codec, from, slab>>20)
			}
			if from == 0 && sets < records<<20/pieceBytes {
				t.Errorf("%s came out in %d sets", codec, sets)
			}
		}
	}
}

// at is the batch somewhere else.
func (tb testBatch) at(base int64) []byte {
	tb.base = base
	return tb.bytes()
}

func offsetsFrom(base int64, n int) []int64 {
	var all []int64
	for i := range int64(n) {
		all = append(all, base+i)
	}
	return all
}

// TestBatches_decode_piecesOfOne: a record larger than a piece comes out whole, in
// memory of about its size.
func TestBatches_decode_piecesOfOne(t *testing.T) {
	value := strings.Repeat("v", 3*pieceBytes)
	batch := testBatch{base: 7, deltas: []int64{0, 1, 2}, last: 2, producer: -1, value: value, attributes: int16(compress.Zstd)}
	offsets, sets, slab, err := pieces(t, batch.bytes(), 0, value)
	if err != nil || !slices.Equal(offsets, []int64{7, 8, 9}) || sets < 3 {
		t.Errorf("offsets %d in %d sets, %v", offsets, sets, err)
	}
	if slab > 4*pieceBytes+pieceBytes/2 {
		t.Errorf("a slab of %d MiB", slab>>20)
	}
}

// TestBatches_decode_piecesBroken: what is wrong behind the first piece is found
// when its turn comes.
func TestBatches_decode_piecesBroken(t *testing.T) {
	tier.Full(t, "decodes every split of large batches")
	value := strings.Repeat("v", 1<<20)
	for name, batch := range map[string]testBatch{
		"longer than its records":        {deltas: offsetsFrom(0, 20), last: 19, trailing: []byte("more")},
		"far longer than its records":    {deltas: offsetsFrom(0, 20), last: 19, trailing: make([]byte, 2*pieceBytes)},
		"its offsets are out of order":   {deltas: append(offsetsFrom(0, 20), 3), last: 30},
		"ends in the middle of a record": {deltas: offsetsFrom(0, 20), last: 30, trailing: []byte{0x80, 0x80, 0x80}},
	} {
		batch.producer, batch.value, batch.attributes = -1, value, int16(compress.Zstd)
		offsets, _, _, err := pieces(t, batch.bytes(), 0, value)
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) || len(offsets) == 0 || len(offsets) > 20 {
			t.Errorf("%s: %d records, %v", name, len(offsets), err)
		}
	}
}

// TestBatches_decode_emptyRecords: a batch of a few kilobytes may hold a million
// records without a value. The table of records is bounded too.
func TestBatches_decode_emptyRecords(t *testing.T) {
	const records = 2*maxRecords + 1000
	batch := testBatch{base: 50, last: records - 1, producer: -1, deltas: offsetsFrom(0, records)}
	old := func() []byte {
		var inner []byte
		for i := range int64(records) {
			inner = append(inner, oldEntry(i, 1, 0, 7, nil)...)
		}
		return oldEntry(50+records-1, 1, byte(compress.Gzip), 7, compressed(compress.Gzip.Codec(), inner))
	}
	for name, data := range map[string]func() []byte{
		"none":   batch.bytes,
		"zstd":   func() []byte { b := batch; b.attributes = int16(compress.Zstd); return b.bytes() },
		"snappy": func() []byte { b := batch; b.attributes = int16(compress.Snappy); return b.bytes() },
		"old":    old,
	} {
		t.Run(name, func(t *testing.T) {
			offsets, sets, _, err := pieces(t, data(), 0, "")
			if err != nil || !slices.Equal(offsets, offsetsFrom(50, records)) || sets < 3 {
				t.Errorf("%d records in %d sets, %v", len(offsets), sets, err)
			}
		})
	}
}

// TestBatches_decode_largeRecord: a record that nobody could hold is reported with
// its coordinates, and costs no memory.
func TestBatches_decode_largeRecord(t *testing.T) {
	var record []byte
	record = binary.AppendVarint(record, maxLarge+1)
	record = append(record, make([]byte, pieceBytes)...)
	batch := testBatch{base: 7, deltas: nil, last: 0, producer: -1, trailing: record, attributes: int16(compress.Gzip)}
	batch.deltas, batch.values = []int64{0}, []string{""}
	batch.compress = func([]byte) []byte { return compressed(compress.Gzip.Codec(), record) }
	var err error
	if used := allocated(func() { _, _, _, err = pieces(t, batch.bytes(), 0, "") }); used > 8*pieceBytes {
		t.Errorf("%d MiB were allocated", used>>20)
	}
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Offset != 0 || !strings.Contains(err.Error(), errLargeRecord.Error()) {
		t.Errorf("%v", err)
	}
}
