package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/pipeline"
	"github.com/pianola/pianola/transform"
)

// A range is taken in steps. Its ledger row accounts for the selected messages, its
// records decide its end, and offsets without a record belong to it.
func TestReprocessor_Range(t *testing.T) {
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	value := func(id, more string) string {
		return fmt.Sprintf(`{"subscription_id":"%s","event_timestamp":1750000000,"subscription_action":"Renewed"%s}`, id, more)
	}
	var records []consumer.Record
	for i, v := range []string{value("a", ""), value("b", `,"is_internal_user":true`), `{"subscription_id":"a"`, "", value("c", "")} {
		records = append(records, consumer.Record{Offset: 10 + 2*int64(i), Timestamp: 1_750_000_000_000 + int64(i), Value: []byte(v)})
	}
	now := time.Unix(1_760_000_000, 0)
	r := pipeline.NewReprocessor(rules, "t", 3, 7)
	want := func(t *testing.T, ledger string, dropped ...int64) {
		t.Helper()
		l := r.Part().Ledger
		got := fmt.Sprintf("%s@%d/%d [%d,%d) %d = %d+%d+%d+%d, last %d at %d", l.Name, l.Epoch, l.Partition, l.StartOffset, l.NextOffset,
			l.Messages, l.Stored, l.Filtered, l.DeadLettered, l.Skipped, l.LastOffset, l.LastTimestamp)
		if got != ledger || !slices.Equal(r.Dropped(), dropped) {
			t.Errorf("got %s, dropped %v; want %s, %v", got, r.Dropped(), ledger, dropped)
		}
	}
	t.Run("in steps", func(t *testing.T) {
		r.Begin(9)
		rest := r.Hold(records, 2, 1<<20, now)
		want(t, "t@3/7 [9,13) 2 = 1+1+0+0, last 12 at 1750000000001", 12)
		if len(rest) != 3 || r.Held() != 2 {
			t.Errorf("%d left, %d held", len(rest), r.Held())
		}
		rest = r.Hold(rest, 100, 1, now) // a step takes at least one
		if len(rest) != 2 {
			t.Errorf("%d left", len(rest))
		}
		r.Hold(rest, 100, 1<<20, now)
		r.End(25)
		want(t, "t@3/7 [9,25) 5 = 2+1+1+1, last 18 at 1750000000004", 12, 16)
	})
	t.Run("selected", func(t *testing.T) {
		r.Begin(10)
		r.Selects = func(result *transform.Result) bool { return string(result.SubscriptionID) == "c" }
		r.Hold(records, 100, 1<<20, now)
		want(t, "t@3/7 [10,19) 1 = 1+0+0+0, last 18 at 1750000000004")
		if r.Held() != 5 {
			t.Errorf("%d held", r.Held())
		}
		r.Begin(10)
		r.Hold(records[:4], 100, 1<<20, now)
		want(t, "t@3/7 [10,17) 0 = 0+0+0+0, last 16 at 1750000000003")
	})
}
