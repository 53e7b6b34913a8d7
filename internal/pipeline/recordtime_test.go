package pipeline_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// TestFlow_RecordTimes has producers whose record timestamps are in micro- and
// nanoseconds, and one without timestamps. No message is lost, the latest delivery of
// the event wins, and no partition looks like a recreated topic when it is assigned again.
func TestFlow_RecordTimes(t *testing.T) {
	s := newFixture(t, "native", 10, 1)
	now := time.Now()
	odd := []int64{now.Add(-time.Second).UnixMicro(), -1, now.UnixNano()}
	for p, at := range odd {
		s.ProduceAt(int32(p), at, fmt.Sprintf(`{"subscription_id":"ODD","event_timestamp":1750000000,"subscription_action":"Renewed","term_name":"from %d"}`, p))
		s.ProduceAt(int32(p), at, `{"event_timestamp":1750000000}`)
		s.ProduceAt(int32(p), at, `{"subscription_id":"STAFF","event_timestamp":1750000000,"subscription_action":"Renewed","is_internal_user":true}`)
	}
	rescaled := 0.0
	for range 2 {
		i := s.start(nil)
		s.AwaitCommitted(i.Run)
		s.awaitAssigned(i)
		i.Drain()
		rescaled += i.metric("pianola_message_oddities_total") // no message has another oddity
	}
	if rescaled != 6 {
		t.Errorf("%v records were counted as rescaled, want 6", rescaled)
	}
	var letters, times []int64
	s.One("SELECT arraySort(groupArray(toUnixTimestamp64Milli(message_time))) FROM dead_letters", &letters)
	if want := []int64{0, now.Add(-time.Second).UnixMilli(), now.UnixMilli()}; !slices.Equal(letters, want) {
		t.Errorf("the dead letters are from %v, want %v", letters, want)
	}
	var name string
	s.One("SELECT term_name FROM piano_subscriber_event_stream", &name)
	if name != "from 2" {
		t.Errorf("the event is %q, want that of the latest record", name)
	}
	s.One("SELECT arraySort(groupArray(toInt64(bitShiftRight(version, 20)))) FROM filtered_subscriptions FINAL", &times)
	if want := []int64{now.UnixMilli()}; !slices.Equal(times, want) {
		t.Errorf("the filtered subscription is from %v, want %v", times, want)
	}
}
