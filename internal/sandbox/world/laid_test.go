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

// spread lays every message where Truth has it, its offset times the factor.
func spread(w *World, factor int64) ([]Laid, []int64) {
	ends := make([]int64, w.cfg.Partitions)
	var all []Laid
	for i := range w.schedule {
		p := w.partitionOf(&w.schedule[i])
		all = append(all, Laid{Partition: p, Offset: ends[p] * factor, Stamp: w.schedule[i].stamp, Message: i})
		ends[p]++
	}
	for p := range ends {
		ends[p] *= factor
	}
	return all, ends
}

func TestTruthOf_a_log_without_holes_is_the_truth(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 1)
	got, err := w.TruthOf(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	if got.Digest() != truth.Digest() || got.Counts != truth.Counts || !reflect.DeepEqual(got.DeadLetters, truth.DeadLetters) {
		t.Errorf("counts %+v, want %+v, or other rows", got.Counts, truth.Counts)
	}
}

func TestTruthOf_offsets_and_stamps_are_those_of_the_log(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 3)
	for i := range laid {
		laid[i].Stamp = math.MaxInt64 // no calendar has it
	}
	got, err := w.TruthOf(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	if got.Counts != truth.Counts || got.DeadLetters[0].MessageTime != latestStamp {
		t.Errorf("counts %+v, want %+v; message time %d", got.Counts, truth.Counts, got.DeadLetters[0].MessageTime)
	}
	for row := range got.Rows() {
		if row.Offset%3 != 0 || row.Version != uint64(latestStamp)<<20+uint64(row.Offset) {
			t.Fatalf("offset %d, version %d", row.Offset, row.Version)
		}
	}
	if least, most := got.read(0, 1, 10); least != 3 || most != 3 {
		t.Errorf("[1, 10) holds %d to %d, want the three at 3, 6 and 9", least, most)
	}
}

func TestTruthOf_strays_and_what_is_gone(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	laid, ends := spread(w, 1)
	end := ends[0]
	ends[0] += 5 // the last is a marker
	laid = append(laid,
		Laid{Partition: 0, Offset: end, Stray: &Stray{Value: []byte("x"), Reason: schemas.InvalidJSON}, Stamp: -5},
		Laid{Partition: 0, Offset: end + 1, Stray: &Stray{}},
		Laid{Partition: 0, Offset: end + 2, Stray: &Stray{}, Gone: true},
		Laid{Partition: 0, Offset: end + 3, Stray: &Stray{}},
	)
	got, err := w.TruthOf(laid, ends)
	if err != nil {
		t.Fatal(err)
	}
	want := truth.Counts
	want.Messages, want.DeadLettered, want.Skipped = want.Messages+3, want.DeadLettered+1, want.Skipped+2
	if got.Counts != want || got.gone != 1 {
		t.Errorf("got %+v and %d gone, want %+v", got.Counts, got.gone, want)
	}
	if least, most := got.read(0, end, end+5); least != 3 || most != 4 {
		t.Errorf("%d to %d messages, want 3 to 4", least, most)
	}
	found := false
	for _, d := range got.DeadLetters {
		found = found || d.Partition == 0 && d.Offset == end && d.Reason == schemas.InvalidJSON && d.MessageTime == 0
	}
	if !found {
		t.Error("the stray is no dead letter")
	}
}

func TestTruthOf_refuses_what_is_no_log(t *testing.T) {
	w := small(t)
	laid, ends := spread(w, 1)
	event := 0
	for w.schedule[event].kind == tellTombstone {
		event++
	}
	for name, change := range map[string]func([]Laid){
		"beyond the end":      func(l []Laid) { l[0].Offset = ends[l[0].Partition] },
		"no such partition":   func(l []Laid) { l[0].Partition = 99 },
		"another's partition": func(l []Laid) { l[0].Partition = (l[0].Partition + 1) % int32(w.cfg.Partitions) },
		"no such message":     func(l []Laid) { l[0].Message = w.Total() },
		"gone with a value":   func(l []Laid) { l[event].Gone = true },
		"twice at one offset": func(l []Laid) {
			for i := 1; i < len(l); i++ {
				if l[i].Partition == l[0].Partition {
					l[i].Offset = l[0].Offset
					return
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			changed := append([]Laid(nil), laid...)
			change(changed)
			if _, err := w.TruthOf(changed, ends); err == nil {
				t.Error("taken for a log of the world")
			}
		})
	}
	if _, err := w.TruthOf(laid, ends[1:]); err == nil {
		t.Error("a partition is missing, and nobody minds")
	}
}
