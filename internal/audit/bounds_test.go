package audit

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

// TestBatch_IsBounded keeps a topic of huge ids from being one statement.
func TestBatch_IsBounded(t *testing.T) {
	for name, c := range map[string]struct {
		id   string
		most int
	}{
		"short ids": {"S1", batchMessages},
		"long ids":  {strings.Repeat("x", 100<<10), 6},
		"one id":    {strings.Repeat("x", batchBytes), 1},
	} {
		t.Run(name, func(t *testing.T) {
			var b batch
			result := &transform.Result{Outcome: transform.Filtered, SubscriptionID: []byte(c.id)}
			for !b.full() {
				b.add(consumer.Record{Offset: int64(len(b.messages))}, result)
			}
			if len(b.messages) != c.most {
				t.Errorf("full with %d messages, want %d", len(b.messages), c.most)
			}
			kept := cap(b.messages)
			if b.reset(); b.full() || len(b.messages) != 0 || cap(b.messages) != kept || b.messages[:1][0].subscription != "" {
				t.Error("emptying it keeps the texts or loses the memory")
			}
		})
	}
}

// TestFindings_AreBounded names the first ones and counts the rest, by kind and
// partition.
func TestFindings_AreBounded(t *testing.T) {
	f := newFindings()
	one, other := Key{Topic: "t", Partition: 1}, Key{Topic: "t"}
	for i := range int64(10_000) {
		f.add(Finding{Kind: EventMissing, Key: one, Start: 2 * i, Next: 2*i + 1, Messages: 1, Text: "x"})
	}
	f.add(Finding{Kind: EventMissing, Key: other, Start: 7, Next: 8, Messages: 1, Text: "x"})
	all := f.all()
	if len(all) != maxNamed+2 || all[0].Key != other || all[1].Start != 0 {
		t.Fatalf("%d findings, the first %+v", len(all), all[0])
	}
	if rest := all[len(all)-1]; rest.Messages != 10_000-maxNamed || rest.Start != 2*maxNamed || rest.Next != 19_999 || !strings.Contains(rest.Text, "9980 more findings") {
		t.Errorf("the rest is %+v", rest)
	}
}

func TestUnbalanced(t *testing.T) {
	good := schemas.LedgerRow{Kind: schemas.LedgerFlush, StartOffset: 10, NextOffset: 20, Messages: 8, Stored: 4, Filtered: 2, DeadLettered: 1, Skipped: 1, LastOffset: 19}
	with := func(change func(*schemas.LedgerRow)) schemas.LedgerRow {
		r := good
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		row schemas.LedgerRow
		ok  bool
	}{
		"balanced, with markers in the range": {good, true},
		"nothing but markers":                 {schemas.LedgerRow{Kind: schemas.LedgerFlush, StartOffset: 10, NextOffset: 12, LastOffset: -1}, true},
		"lost":                                {schemas.LedgerRow{Kind: schemas.LedgerLost, StartOffset: 10, NextOffset: 12, LastOffset: -1}, true},
		"recreated":                           {schemas.LedgerRow{Kind: schemas.LedgerLost, LastOffset: -1}, true},
		"one too few":                         {with(func(r *schemas.LedgerRow) { r.Skipped = 0 }), false},
		"one too many":                        {with(func(r *schemas.LedgerRow) { r.DeadLettered++ }), false},
		"backwards":                           {with(func(r *schemas.LedgerRow) { r.NextOffset = 9 }), false},
		"more than fits":                      {with(func(r *schemas.LedgerRow) { r.NextOffset = 17 }), false},
		"the last record is elsewhere":        {with(func(r *schemas.LedgerRow) { r.LastOffset = 20 }), false},
		"lost, and yet read":                  {with(func(r *schemas.LedgerRow) { r.Kind = schemas.LedgerLost }), false},
	} {
		if why := unbalanced(&c.row); (why == "") != c.ok {
			t.Errorf("%s: %q", name, why)
		}
	}
}
