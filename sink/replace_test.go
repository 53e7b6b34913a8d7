package sink_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// TestWriter_Replace_Scenarios ingests messages by old rules and replays them by new ones,
// in chunks of one message and of all, with the parts merged before and not. The view must
// show what the new rules give, and a repetition must change nothing.
//
// By default every scenario runs twice: in chunks of one message without merges, and in one
// chunk with merges. The long form adds the other combinations, and chunks of two:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run Scenarios ./sink
func TestWriter_Replace_Scenarios(t *testing.T) {
	tier.Full(t, "replays many times")
	stored := func(event, text string) gives { return gives{event: event, text: text} }
	dead, filtered, skipped := gives{other: "dead", text: "bad"}, gives{other: "filtered", text: "x"}, gives{other: "skipped"}
	d := open(t, sink.Native, nil)
	before := events(stored("A", "1"), stored("B", "2"), stored("C", "3"), stored("D", "4"))
	for name, c := range map[string]struct {
		before, after map[schemas.Coordinates]gives
		versions      map[int64]uint64
		want          map[sink.Change]uint64
	}{
		"nothing":              {before, before, nil, map[sink.Change]uint64{sink.Unchanged: 4}},
		"another column":       {before, with(before, map[int64]gives{1: stored("B", "two")}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.Altered: 1}},
		"another event":        {before, with(before, map[int64]gives{1: stored("E", "2")}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.Moved: 1}},
		"all others":           {before, events(stored("a", "1"), stored("b", "2"), stored("c", "3"), stored("d", "4")), nil, map[sink.Change]uint64{sink.Moved: 4}},
		"refused now":          {before, with(before, map[int64]gives{2: dead}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.ToDeadLetter: 1}},
		"passes now":           {with(before, map[int64]gives{2: dead}), before, nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.FromDeadLetter: 1}},
		"refused otherwise":    {with(before, map[int64]gives{2: dead}), with(before, map[int64]gives{2: {other: "dead", text: "worse"}}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.AlteredLetter: 1}},
		"refused as before":    {with(before, map[int64]gives{2: dead}), with(before, map[int64]gives{2: dead}), nil, map[sink.Change]uint64{sink.Unchanged: 4}},
		"filtered now":         {before, with(before, map[int64]gives{2: {other: "filtered", text: "C"}}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.ToFiltered: 1}},
		"not filtered now":     {with(before, map[int64]gives{2: {other: "filtered", text: "C"}}), before, nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.FromFiltered: 1}},
		"refused, filtered":    {with(before, map[int64]gives{2: dead}), with(before, map[int64]gives{2: filtered}), nil, map[sink.Change]uint64{sink.Unchanged: 3, sink.ResolvedDropped: 1}},
		"filtered as before":   {with(before, map[int64]gives{2: filtered, 3: skipped}), with(before, map[int64]gives{2: filtered, 3: skipped}), nil, map[sink.Change]uint64{sink.Unchanged: 4}},
		"not read before":      {nil, before, nil, map[sink.Change]uint64{sink.Added: 4}},
		"refused at first":     {nil, events(dead), nil, map[sink.Change]uint64{sink.AddedDeadLetter: 1}},
		"swapped":              {before, with(before, map[int64]gives{0: stored("B", "1"), 1: stored("A", "2")}), nil, map[sink.Change]uint64{sink.Unchanged: 2, sink.Moved: 2}},
		"a circle":             {before, events(stored("B", "1"), stored("C", "2"), stored("D", "3"), stored("A", "4")), nil, map[sink.Change]uint64{sink.Moved: 4}},
		"joined":               {before, events(stored("A", "1"), stored("A", "2"), stored("A", "3"), stored("A", "4")), nil, nil},
		"divided":              {events(stored("A", "1"), stored("A", "2"), stored("A", "3"), stored("A", "4")), before, nil, nil},
		"the correction left":  {events(stored("A", "1"), stored("A", "2"), stored("A", "3")), events(stored("A", "1"), stored("A", "2"), stored("B", "3")), nil, nil},
		"the second left":      {events(stored("A", "1"), stored("A", "2"), stored("A", "3")), events(stored("A", "1"), stored("B", "2"), stored("A", "3")), nil, nil},
		"two corrections left": {events(stored("A", "1"), stored("A", "2"), stored("A", "3")), events(stored("A", "1"), stored("B", "2"), dead), nil, nil},
		"late correction left": {events(stored("A", "1"), stored("A", "2")), events(stored("B", "1"), stored("A", "2")), map[int64]uint64{0: schemas.KafkaVersion(1_750_000_000_000, 0), 1: schemas.KafkaVersion(1_740_000_000_000, 1)}, nil},
		"no timestamps":        {events(stored("A", "1"), stored("A", "2")), events(stored("A", "1"), stored("B", "2")), map[int64]uint64{0: 0, 1: 1}, nil},
		"none left":            {events(stored("A", "1"), stored("A", "2")), events(dead, filtered), nil, nil},
		"its own row is older": {events(stored("A", "1"), stored("B", "2"), stored("A", "3")), events(stored("B", "1"), stored("B", "2"), stored("A", "3")), nil, nil},
	} {
		for _, merged := range []bool{false, true} {
			for _, size := range []int64{1, 2, 100} {
				if !tier.Long() && merged != (size > 1) || !tier.Long() && size == 2 {
					continue
				}
				t.Run(fmt.Sprintf("%s/merged %v, %d at a time", name, merged, size), func(t *testing.T) {
					s := replaying(d.in(t))
					s.empty()
					for offset, version := range c.versions {
						s.deliver[at(0, offset)] = version
					}
					s.exec("SYSTEM STOP MERGES $.subscription_events")
					n := int64(max(len(c.before), len(c.after)))
					for offset := range n {
						s.consume(0, offset, offset+1, c.before) // a part each
					}
					merge := func() {
						if merged {
							s.exec("SYSTEM START MERGES $.subscription_events")
							s.exec("OPTIMIZE TABLE $.subscription_events FINAL")
							s.exec("SYSTEM STOP MERGES $.subscription_events")
						}
					}
					merge()
					s.check(t, "ingested")
					j := s.job(c.after, span{0, 0, n})
					differs, err := s.Compare(t.Context(), s.job(c.after, span{0, 0, n}).replacement(s.Writer, span{0, 0, n}))
					if err != nil {
						t.Fatal(err)
					}
					stats := j.run(size)
					s.check(t, "replayed")
					if c.want != nil {
						if got := fmt.Sprint(stats.Changes.Messages); got != fmt.Sprint(c.want) {
							t.Errorf("changes are %s, want %v", got, c.want)
						}
						if got := fmt.Sprint(differs.Messages); got != fmt.Sprint(c.want) {
							t.Errorf("the dry run shows %s, want %v", got, c.want)
						}
					}
					s.unchanged(t, j, size)
					merge()
					s.check(t, "replayed and merged")
					s.unchanged(t, j, 3)

					back := s.job(c.before, span{0, 0, n})
					if c.before != nil {
						back.run(size)
						s.check(t, "replayed by the old rules")
						s.unchanged(t, back, size)
						s.job(c.after, span{0, 0, n}).run(size)
						s.check(t, "replayed by the new rules again")
					}
				})
			}
		}
	}
}

// TestWriter_Replace replays one range with a change of every kind, over both protocols.
func TestWriter_Replace(t *testing.T) {
	each(t, func(t *testing.T, d *database) {
		s := replaying(d)
		stored := func(event, text string) gives { return gives{event: event, text: text} }
		dead := gives{other: "dead", text: "bad"}
		before := events(stored("A", "1"), stored("B", "2"), stored("C", "3"), stored("D", "4"), dead, dead,
			stored("E", "7"), stored("E", "8"), stored("F", "9"), gives{other: "skipped"})
		s.consume(0, 0, 10, before)
		after := with(before, map[int64]gives{1: stored("B", "two"), 2: stored("c", "3"), 3: dead, 4: stored("D", "5"),
			7: stored("G", "8"), 8: {other: "filtered", text: "F"}})
		j := s.job(after, span{0, 0, 10})
		unread := s.everything()
		dry, err := d.Compare(t.Context(), j.replacement(d.Writer, span{0, 0, 10}))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(s.everything(), unread) {
			t.Error("a dry run changed the tables")
		}
		if got, want := fmt.Sprint(dry.Columns), fmt.Sprint(map[string]uint64{"subscription_id": 2, "event_timestamp": 2, "term_name": 1}); got != want {
			t.Errorf("columns are %s, want %s", got, want)
		}
		var altered []string
		for _, sample := range dry.Samples {
			if sample.Change == sink.Altered {
				altered = append(altered, fmt.Sprint(sample.At, sample.Columns, sample.Before.EventID == sample.After.EventID))
			}
		}
		if got, want := fmt.Sprint(altered), "["+topic+"/0/1 [term_name] true]"; got != want {
			t.Errorf("altered are %s, want %s", got, want)
		}

		stats := j.run(10)
		s.check(t, "replayed")
		if got, want := fmt.Sprint(stats.Changes.Messages), fmt.Sprint(dry.Messages); got != want {
			t.Errorf("changes are %s, the dry run showed %s", got, want)
		}
		if got, want := fmt.Sprint(stats.Changes.Messages), fmt.Sprint(map[sink.Change]uint64{sink.Unchanged: 3, sink.Restored: 1, sink.Altered: 1, sink.Moved: 2,
			sink.ToDeadLetter: 1, sink.FromDeadLetter: 1, sink.ToFiltered: 1}); got != want {
			t.Errorf("changes are %s, want %s", got, want)
		}
		// B, c, D and G are written, and E from offset 6 at the version of 7. C, D of offset
		// 3 and F get markers.
		if stats.Rows != 5 || stats.Successors != 0 || stats.Markers != 3 || stats.Opened != 1 || stats.Resolved != 1 {
			t.Errorf("%+v", stats)
		}
		s.is("SELECT internal FROM (SELECT count() AS internal FROM $.internal_subscriptions WHERE subscription_id = 'sub-F')", "(1)")
		s.is("SELECT kind, job_id, start_offset, next_offset, messages, stored, dead_lettered, filtered, skipped FROM $.ingest_ledger WHERE kind = 'replay'",
			"('replay','job-1',0,10,10,6,2,1,1)")
		s.is("SELECT source_offset, version = (SELECT max(version) FROM $.subscription_events WHERE source_offset = 7) FROM $.subscription_events FINAL WHERE subscription_id = 'sub-E'", "(6,1)")
		s.unchanged(t, j, 10)
	})
}
