package sink_test

import (
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// version is a delivery of an event at an offset, distinguished by term_name.
func version(p *sink.Part, of *schemas.Event, offset int64, version uint64, name string) {
	e := *of
	e.TermName = []byte(name)
	p.Chunk.Append(&e, at(p.Ledger.Partition, offset), version)
	p.Ledger.Stored++
	p.Ledger.Messages++
	p.Ledger.NextOffset = offset + 1
}

// TestWriter_Flush_SeveralVersionsInOnePart has several deliveries of one event in one
// flush, and so in one part of the table. Every reader must see the newest only, before
// and after the parts are merged.
func TestWriter_Flush_SeveralVersionsInOnePart(t *testing.T) {
	tier.Full(t, "merges parts")
	each(t, func(t *testing.T, d *database) {
		d.exec("SYSTEM STOP MERGES $.subscription_events")
		first, second, third := event(1), event(2), event(3)
		p := part(0, 0, 0)
		version(p, first, 0, 10, "old")
		version(p, first, 1, 30, "newest")
		version(p, first, 2, 20, "middle")
		version(p, second, 3, 10, "twice")
		version(p, second, 4, 10, "twice, read last") // the same message
		version(p, third, 5, 10, "third")
		d.flush(&sink.Batch{Token: "one", Parts: []*sink.Part{p}})
		d.is("SELECT count(), sum(rows) FROM system.parts WHERE active AND database = '$' AND table = 'subscription_events'", "(1,6)")

		check := func(t *testing.T, third string) {
			t.Helper()
			want := []string{"('sub-1','newest')", "('sub-2','twice, read last')", "('sub-3','" + third + "')"}
			for _, table := range []string{"piano_subscriber_event_stream", "analytics_events", "subscription_events FINAL"} {
				d.is("SELECT subscription_id, term_name FROM $."+table+" ORDER BY 1", want...)
				d.is("SELECT subscription_id FROM $." + table + " WHERE term_name = 'old' OR term_name = 'middle'")
				d.is("SELECT count() FROM $."+table, "(3)")
				d.is("SELECT count() FROM $."+table+" WHERE term_type = 'payment'", "(3)")
				d.is("SELECT term_name FROM $."+table+" WHERE subscription_id = 'sub-1'", "('newest')")
				d.is("SELECT count(), toString(round(sum(transaction_value), 4)) FROM $."+table+" WHERE event_timestamp >= '2023-11-14'", "(3,'-59.9706')")
			}
			d.is("SELECT subscription_id, events FROM $.subscription_state_at(at = '2199-01-01 00:00:00') ORDER BY 1", "('sub-1',1)", "('sub-2',1)", "('sub-3',1)")
		}
		t.Run("in one part", func(t *testing.T) { check(t, "third") })

		// The same events in a second part, with one newer version.
		again := part(0, 6, 6)
		version(again, first, 6, 20, "middle")
		version(again, third, 7, 40, "third, corrected")
		version(again, third, 8, 5, "third, late")
		d.flush(&sink.Batch{Token: "two", Parts: []*sink.Part{again}})
		t.Run("in two parts", func(t *testing.T) { check(t, "third, corrected") })

		d.exec("SYSTEM START MERGES $.subscription_events")
		d.exec("OPTIMIZE TABLE $.subscription_events FINAL")
		d.is("SELECT count() FROM $.subscription_events", "(3)")
		t.Run("merged", func(t *testing.T) { check(t, "third, corrected") })
	})
}
