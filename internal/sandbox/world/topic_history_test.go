package world

import (
	"reflect"
	"testing"
)

func along(t *testing.T, w *World, c TopicHistory) *Truth {
	t.Helper()
	tr, err := w.TruthOfHistory(c)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func TestTruthOfHistory_of_one_log_equals_Truth(t *testing.T) {
	w := small(t)
	got, truth := along(t, w, TopicHistory{}), w.Truth()
	if got.Digest() != truth.Digest() || got.Counts != truth.Counts || !reflect.DeepEqual(got.DeadLetters, truth.DeadLetters) {
		t.Errorf("counts %+v, want %+v, or other rows", got.Counts, truth.Counts)
	}
}

func TestTruthOfHistory_lost_messages_leave_no_rows(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	letter := truth.DeadLetters[0]
	lost := Range{Partition: letter.Partition, Start: letter.Offset, Next: letter.Offset + 4}
	got := along(t, w, TopicHistory{Lost: []Range{lost, {Partition: letter.Partition, Start: letter.Offset + 2, Next: letter.Offset + 3}}})
	if got.Counts.Messages != truth.Counts.Messages-4 || !reflect.DeepEqual(got.Ends, truth.Ends) {
		t.Errorf("%d messages up to %v, want four less than %d up to %v", got.Counts.Messages, got.Ends, truth.Counts.Messages, truth.Ends)
	}
	for _, d := range got.DeadLetters {
		if d.Partition == lost.Partition && d.Offset >= lost.Start && d.Offset < lost.Next {
			t.Errorf("%d/%d is a dead letter and was lost", d.Partition, d.Offset)
		}
	}
	for row := range got.Rows() {
		if row.Partition == lost.Partition && row.Offset >= lost.Start && row.Offset < lost.Next {
			t.Errorf("%d/%d has a row and was lost", row.Partition, row.Offset)
		}
	}
}

func TestTruthOfHistory_recreated_topic_starts_at_offset_0(t *testing.T) {
	w := small(t)
	truth := w.Truth()
	half := w.Total() / 2
	got := along(t, w, TopicHistory{RecreatedAt: []int{half, half, w.Total()}})
	if got.Counts != truth.Counts {
		t.Errorf("counts %+v, want %+v", got.Counts, truth.Counts)
	}
	var first, all int64
	for p, end := range got.endsOf(0) {
		first += end
		all += end + got.endsOf(2)[p]
		if got.endsOf(1)[p] != 0 || got.Ends[p] != 0 {
			t.Errorf("partition %d: epochs 1 and 3 must be empty", p)
		}
	}
	if first != int64(half) || all != int64(w.Total()) || got.endsOf(4) != nil {
		t.Errorf("%d messages in epoch 0, %d in all", first, all)
	}
	seen := map[uint32]bool{}
	for row := range got.Rows() {
		if row.Offset >= got.endsOf(row.Epoch)[row.Partition] {
			t.Fatalf("a row from epoch %d, %d/%d", row.Epoch, row.Partition, row.Offset)
		}
		seen[row.Epoch] = true
	}
	if len(seen) != 2 {
		t.Errorf("rows of the epochs %v", seen)
	}
	if _, err := w.TruthOfHistory(TopicHistory{RecreatedAt: []int{half, half - 1}}); err == nil {
		t.Error("no error for a history that goes back")
	}
}

// TestLedgerCheck_gaps compares ledgers with gaps.
func TestLedgerCheck_gaps(t *testing.T) {
	w := small(t)
	tr := along(t, w, TopicHistory{RecreatedAt: []int{w.Total()}, Lost: []Range{{Start: 4, Next: 6}, {Start: 6, Next: 8}}})
	end := tr.endsOf(0)[0]
	for name, c := range map[string]struct {
		covered []Range
		missing int
	}{
		"what was lost":               {[]Range{{Start: 0, Next: 4}, {Start: 8, Next: end}}, 0},
		"more than what was lost":     {[]Range{{Start: 0, Next: 3}, {Start: 9, Next: end}}, 2},
		"the end, which was not lost": {[]Range{{Start: 0, Next: 4}, {Start: 8, Next: end - 1}}, 1},
	} {
		check := Check{}
		a := ledgerCheck{truth: tr, check: &check, reached: map[Range]int64{}}
		for p, end := range tr.endsOf(0)[1:] {
			a.add(flush{Range: Range{Partition: int32(p + 1), Next: end}, Messages: uint64(end), Stored: uint64(end)})
		}
		for _, r := range c.covered {
			a.add(flush{Range: r, Messages: uint64(r.Next - r.Start), Stored: uint64(r.Next - r.Start)})
		}
		a.sum = flush{Messages: uint64(tr.Counts.Messages), Stored: uint64(tr.Counts.Stored), Filtered: uint64(tr.Counts.Filtered),
			DeadLettered: uint64(tr.Counts.DeadLettered), Skipped: uint64(tr.Counts.Skipped)}
		a.close()
		if check.Missing != c.missing || check.Unexpected+check.Different != 0 {
			t.Errorf("%s: %s", name, check.String())
		}
		a.add(flush{Range: Range{Epoch: 2, Next: 1}, Messages: 1, Stored: 1})
		if check.Unexpected != 1 {
			t.Errorf("%s: an epoch that the topic never had: %s", name, check.String())
		}
	}
	if rest := tr.history.notLost(Range{Start: 2, Next: 20}); len(rest) != 2 || rest[0].Next != 4 || rest[1].Start != 8 {
		t.Errorf("[2, 20) without [4, 8) is %v", rest)
	}
}
