package world

import (
	"math"
	"reflect"
	"testing"

	"github.com/pianola/pianola/schemas"
)

func small(t *testing.T) *World {
	t.Helper()
	cfg := Defaults()
	cfg.Subscribers = 120
	w, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// spread returns the records of Truth, with every offset multiplied by factor.
func spread(w *World, factor int64) ([]LogRecord, []int64) {
	ends := make([]int64, w.cfg.Partitions)
	var all []LogRecord
	for i := range w.schedule {
		p := w.partitionOf(&w.schedule[i])
		all = append(all, LogRecord{Partition: p, Offset: ends[p] * factor, Stamp: w.schedule[i].stamp, Message: i})
		ends[p]++
	}
	for p := range ends {
		ends[p] *= factor
	}
	return all, ends
}

func TestTruthOfLog_without_gaps_equals_Truth(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 1)
	got, err := w.TruthOfLog(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != truth.Digest() || got.Counts != truth.Counts || !reflect.DeepEqual(got.DeadLetters, truth.DeadLetters) {
		t.Errorf("counts %+v, want %+v, or other rows", got.Counts, truth.Counts)
	}
}

func TestTruthOfLog_uses_offsets_and_times_of_the_log(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 3)
	for stamp, want := range map[int64]uint64{
		math.MaxInt64:     0, // beyond every calendar
		1_750_000_000_000: 1_750_000_000_000, 1_750_000_000_000_999: 1_750_000_000_000,
	} {
		for i := range laid {
			laid[i].Stamp = stamp
		}
		got, err := w.TruthOfLog(laid, ends)
		if err != nil {
			t.Fatal(err)
		}
		if got.Counts != truth.Counts || uint64(got.DeadLetters[0].MessageTime) != want {
			t.Errorf("counts %+v, want %+v; message time %d", got.Counts, truth.Counts, got.DeadLetters[0].MessageTime)
		}
		for row := range got.Rows() {
			if row.Offset%3 != 0 || row.Version != want<<20+uint64(row.Offset) {
				t.Fatalf("offset %d, version %d", row.Offset, row.Version)
			}
		}
	}
	got, err := w.TruthOfLog(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	if low, high := got.messageCount(0, 1, 10); low != 3 || high != 3 {
		t.Errorf("[1, 10) holds %d to %d, want the three at 3, 6 and 9", low, high)
	}
}

func TestTruthOfLog_counts_foreign_and_compacted_records(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 1)
	end := ends[0]
	ends[0] += 5 // the last is a marker
	laid = append(laid,
		LogRecord{Partition: 0, Offset: end, Foreign: &ForeignRecord{Value: []byte("x"), Reason: schemas.InvalidJSON}, Stamp: -5},
		LogRecord{Partition: 0, Offset: end + 1, Foreign: &ForeignRecord{}},
		LogRecord{Partition: 0, Offset: end + 2, Foreign: &ForeignRecord{}, Compacted: true},
		LogRecord{Partition: 0, Offset: end + 3, Foreign: &ForeignRecord{}},
	)
	got, err := w.TruthOfLog(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	want := truth.Counts
	want.Messages, want.DeadLettered, want.Skipped = want.Messages+3, want.DeadLettered+1, want.Skipped+2
	if got.Counts != want || got.compacted != 1 {
		t.Errorf("got %+v and %d gone, want %+v", got.Counts, got.compacted, want)
	}
	if low, high := got.messageCount(0, end, end+5); low != 3 || high != 4 {
		t.Errorf("%d to %d messages, want 3 to 4", low, high)
	}
	found := false
	for _, d := range got.DeadLetters {
		found = found || d.Partition == 0 && d.Offset == end && d.Reason == schemas.InvalidJSON && d.MessageTime == 0
	}
	if !found {
		t.Error("the foreign record is not a dead letter")
	}
}

func TestTruthOfLog_rejects_an_invalid_log(t *testing.T) {
	w := small(t)
	laid, ends := spread(w, 1)
	event := 0
	for w.schedule[event].kind == kindTombstone {
		event++
	}
	for name, change := range map[string]func([]LogRecord){
		"beyond the end":      func(l []LogRecord) { l[0].Offset = ends[l[0].Partition] },
		"no such partition":   func(l []LogRecord) { l[0].Partition = 99 },
		"another's partition": func(l []LogRecord) { l[0].Partition = (l[0].Partition + 1) % int32(w.cfg.Partitions) },
		"no such message":     func(l []LogRecord) { l[0].Message = w.Total() },
		"gone with a value":   func(l []LogRecord) { l[event].Compacted = true },
		"twice at one offset": func(l []LogRecord) {
			for i := 1; i < len(l); i++ {
				if l[i].Partition == l[0].Partition {
					l[i].Offset = l[0].Offset
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := append([]LogRecord(nil), laid...)
			change(changed)
			if _, err := w.TruthOfLog(changed, ends); err == nil {
				t.Error("no error for an invalid log")
			}
		})
	}
	if _, err := w.TruthOfLog(laid, ends[1:]); err == nil {
		t.Error("no error for a missing partition")
	}
}
