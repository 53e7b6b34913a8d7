package reconcile

import (
	"fmt"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// message is an event with the place and the time of its record, in days before noon's.
type message struct {
	topic       string
	partition   int
	offset      int
	sent, event int
}

const (
	from1970 = 20_000 // days before noon's: a record without a time
	never    = -1     // a row of a file: there is no record
)

func (s *fixture) messages(all ...message) {
	s.Helper()
	for i, m := range all {
		source, version := schemas.SourceFile, uint64(0)
		if m.sent != never {
			sent, _ := schemas.RecordTime(max(noon.Add(-time.Duration(m.sent)*aDay).UnixMilli(), 0))
			source, version = schemas.SourceKafka, schemas.KafkaVersion(sent, int64(m.offset))
		}
		execute(s, s.conn, fmt.Sprintf(`INSERT INTO %s (event_id, subscription_id, subscription_action, event_timestamp, version, source, source_name, source_partition, source_offset)
VALUES (generateUUIDv4(), 'M%d', 'Renewed', toDateTime64('%s', 3, 'UTC'), %d, '%s', '%s', %d, %d)`, s.tables.Table("subscription_events"), i,
			noon.Add(-time.Duration(m.event)*aDay).Format(time.DateTime), version, source, m.topic, m.partition, m.offset))
	}
}

// The first messages decide, and a single wrong time has no effect.
func TestReadStreamStart(t *testing.T) {
	tier.Full(t, "writes many streams")
	s := newFixture(t)
	steady := []message{{"a", 0, 1, 90, 90}, {"a", 0, 2, 90, 90}, {"a", 0, 3, 90, 90}, {"a", 0, 4, 80, 80}, {"a", 0, 5, 70, 70}, {"a", 0, 6, 60, 60}}
	for name, c := range map[string]struct {
		messages []message
		ago      int // days; 0 is never
	}{
		"nothing":                           {},
		"one_message":                       {[]message{{"a", 0, 0, 30, 30}}, 30},
		"first_messages":                    {steady, 90},
		"an_old_event_that_came_late":       {append([]message{{"a", 0, 0, 90, 4000}}, steady...), 90},
		"a_record_of_1970":                  {append([]message{{"a", 0, 7, from1970, 50}}, steady...), 90},
		"the_first_record_is_of_1970":       {append([]message{{"a", 0, 0, from1970, 91}}, steady...), 90},
		"so_is_what_it_tells":               {append([]message{{"a", 0, 0, from1970, 9000}}, steady...), 90},
		"or_later_on":                       {append([]message{{"a", 0, 7, from1970, 9000}}, steady...), 90},
		"all_records_without_a_time":        {[]message{{"a", 0, 1, from1970, 40}, {"a", 0, 2, from1970, 41}, {"a", 0, 3, from1970, 42}}, 41},
		"the_partition_that_was_first":      {append([]message{{"a", 1, 0, 120, 120}, {"a", 1, 1, 120, 120}, {"a", 1, 2, 120, 120}, {"b", 0, 0, 30, 30}}, steady...), 120},
		"files_beside_messages":             {append([]message{{"f", 0, 0, never, 900}}, steady...), 90},
		"subscription_by_subscription":      {[]message{{"a", 0, 0, 60, 60}, {"a", 0, 1, 10, 10}, {"a", 0, 2, 90, 90}, {"a", 0, 3, 90, 90}, {"a", 0, 4, 90, 90}}, 90},
		"files_alone":                       {[]message{{"f", 0, 0, never, 900}, {"f", 0, 1, never, 800}}, 900},
		"a_record_of_1970_in_its_partition": {append([]message{{"a", 1, 0, from1970, 88}}, steady...), 90},
	} {
		t.Run(name, func(t *testing.T) {
			execute(t, s.conn, "TRUNCATE TABLE "+s.tables.Table("subscription_events"))
			s.messages(c.messages...)
			r, err := s.reconciler().newRun()
			if err != nil {
				t.Fatal(err)
			}
			if err := r.readStreamStart(t.Context()); err != nil {
				t.Fatal(err)
			}
			switch at := r.report.StreamBegan; {
			case c.ago == 0 && at != nil:
				t.Errorf("began at %v", at)
			case c.ago != 0 && (at == nil || !at.Equal(noon.Add(-time.Duration(c.ago)*aDay))):
				t.Errorf("began at %v, want %d days ago", at, c.ago)
			}
		})
	}
}

// TestRun_ARecordOf1970MakesNoDrift of the lives that were over before the stream.
func TestRun_ARecordOf1970MakesNoDrift(t *testing.T) {
	s := newFixture(t)
	s.pairs(many(10, func(i int) *pair { return agreeing(fmt.Sprint("A", i)) })...)
	before := noon.Add(-400 * aDay)
	s.pairs(agreeing("before").unknown().but(func(s *piano.Subscription) { s.StartedAt = &before }))
	s.messages(message{"", 0, 0, from1970, 20})
	s.api.subscriptions = append(s.api.subscriptions, named("M0")...)
	report := s.run()
	s.want("not compared", counts(report.NotCompared), []string{"before_stream 1"})
	if at := report.StreamBegan; at == nil || at.Year() == 1970 {
		t.Errorf("the report says that the stream began at %v", at)
	}
}
