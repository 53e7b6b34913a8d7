package messages_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/bench/messages"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/transform"
)

func stream(t *testing.T, change func(*messages.Config)) *messages.Stream {
	t.Helper()
	c := messages.Defaults()
	c.Count = 3000
	change(&c)
	s, err := messages.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestStream_IsWhatThePipelineStores gives the messages to Pianola's stages.
func TestStream_IsWhatThePipelineStores(t *testing.T) {
	s := stream(t, func(c *messages.Config) { c.Internal, c.DeadLetters = 0.1, 0.1 })
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	worker := rules.NewWorker()
	outcomes, reasons := map[transform.Outcome]int{}, map[schemas.Reason]int{}
	next, events := map[int32]int64{}, map[schemas.EventID]uint64{}
	count, size := 0, 0
	for m := range s.All() {
		if m.Offset != next[m.Partition] {
			t.Fatalf("message %d: offset %d, want %d", count, m.Offset, next[m.Partition])
		}
		next[m.Partition]++
		count, size = count+1, size+len(m.Value)
		r := worker.Apply(m.Value, time.Now())
		outcomes[r.Outcome]++
		if r.Outcome == transform.DeadLettered {
			reasons[r.Reason]++
		}
		if m.Stored != (r.Outcome == transform.Stored) {
			t.Fatalf("message %d: stored %t, outcome %v %s\n%s", count, m.Stored, r.Outcome, r.Detail, m.Value)
		}
		if m.Stored {
			if before, known := events[r.Event.ID]; known && before != m.Event {
				t.Fatalf("message %d: one event has two identities", count)
			}
			events[r.Event.ID] = m.Event
		}
	}
	if count != 3000 || len(next) != 4 || len(reasons) != 3 {
		t.Errorf("%d messages in %d partitions, refused: %v", count, len(next), reasons)
	}
	for outcome, least := range map[transform.Outcome]int{transform.Stored: 2000, transform.Filtered: 200, transform.DeadLettered: 200} {
		if outcomes[outcome] < least {
			t.Errorf("%v: %d messages, want at least %d", outcome, outcomes[outcome], least)
		}
	}
	if mean := size / count; mean < 550 || mean > 700 {
		t.Errorf("%d bytes a message", mean)
	}
}

func TestStream_IsTheSameEachTime(t *testing.T) {
	s, again := stream(t, func(*messages.Config) {}), stream(t, func(*messages.Config) {})
	var first [][]byte
	for m := range s.All() {
		first = append(first, m.Value)
	}
	n := 0
	for m := range again.All() {
		if !bytes.Equal(m.Value, first[n]) {
			t.Fatalf("message %d differs:\n%s\n%s", n, m.Value, first[n])
		}
		n++
	}
	if n != len(first) {
		t.Errorf("%d messages, then %d", len(first), n)
	}
}

func TestStream_SizeAndMonths(t *testing.T) {
	s := stream(t, func(c *messages.Config) { c.Bytes, c.Months, c.DeadLetters = 2000, 5, 0 })
	rules, err := transform.New(transform.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	worker := rules.NewWorker()
	months := map[string]int{}
	for m := range s.All() {
		if len(m.Value) != 2000 {
			t.Fatalf("%d bytes\n%s", len(m.Value), m.Value)
		}
		if r := worker.Apply(m.Value, time.Now()); r.Outcome == transform.Stored {
			months[time.UnixMilli(int64(r.Event.EventTimestamp)).UTC().Format("2006-01")]++
		}
	}
	if len(months) != 5 {
		t.Errorf("messages a month: %v", months)
	}
}

func TestConfig_Validate(t *testing.T) {
	for name, c := range map[string]messages.Config{
		"no messages":   {Partitions: 1},
		"no partitions": {Count: 1},
		"shares":        {Count: 1, Partitions: 1, Internal: 0.6, DeadLetters: 0.6},
		"size":          {Count: 1, Partitions: 1, Bytes: 2 << 20},
	} {
		if c.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
