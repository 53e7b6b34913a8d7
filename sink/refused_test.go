package sink_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/sink"
)

// spoiled is a part at offsets [from, to). Where n divides the offset, the row has a
// term type that the tests' constraints and views do not take.
func spoiled(partition int32, from, to, n int64) *sink.Part {
	p := part(partition, from, from)
	p.Ledger.NextOffset, p.Ledger.LastOffset = to, to-1
	for offset := from; offset < to; offset++ {
		e := event(offset)
		if offset%n == 0 {
			e.TermType = []byte("free")
		}
		p.Chunk.Append(e, at(partition, offset), schemas.KafkaVersion(1_740_000_000_000, offset))
		p.Ledger.Stored++
		p.Ledger.Messages++
	}
	return p
}

// watched opens another writer to the same database, with a log to read and a count
// of the stored rows by the view that failed for them.
func (d *database) watched() (*sink.Writer, *observer.ObservedLogs, map[string]int) {
	core, logs := observer.New(zap.WarnLevel)
	failed := make(map[string]int)
	w, err := sink.Open(d.t.Context(), d.cfg, zap.New(core), sink.Hooks{
		Now:           func() time.Time { return time.UnixMilli(int64(d.tick)) },
		OnViewFailure: func(view string, rows int) { failed[view] += rows },
	})
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = w.Close() })
	return w, logs, failed
}

// TestWriter_Flush_ViewFails: a materialized view of the operator's fails for a row,
// and ClickHouse reports it as a failed INSERT. The row is in the table.
func TestWriter_Flush_ViewFails(t *testing.T) {
	tier.Full(t, "fails views in every way")
	for name, view := range map[string]string{
		"by throwIf":                  "SELECT subscription_id, throwIf(term_type = 'free') AS thrown FROM $.subscription_events",
		"at a number":                 "SELECT subscription_id, toUInt8(toUInt32(coalesce(term_type, 'x') = 'free' ? 'free' : '1')) AS thrown FROM $.subscription_events",
		"by its target's constraint":  "SELECT subscription_id, toUInt8(term_type = 'free') AS thrown FROM $.subscription_events",
		"with a code that else stops": "SELECT subscription_id, toUInt8(length(range(if(term_type = 'free', 1000000000, 1)))) AS thrown FROM $.subscription_events",
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, d *database) {
				d.exec("CREATE TABLE $.target (subscription_id String, thrown UInt8, CONSTRAINT fair CHECK thrown = 0) ENGINE = MergeTree ORDER BY subscription_id")
				d.exec("CREATE MATERIALIZED VIEW $.operators TO $.target AS " + view)
				w, logs, failed := d.watched()
				stats, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 0, 300, 20), spoiled(1, 300, 900, 7)}})
				if err != nil || stats.Refused != 0 || stats.Rows != 900 || stats.Attempts != 1 {
					t.Fatalf("%+v, %v", stats, err)
				}
				d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(900)")
				d.is("SELECT count() FROM $.dead_letters", "(0)")
				d.is("SELECT sum(stored), sum(dead_lettered) FROM $.ingest_ledger", "(900,0)")
				if failed[d.cfg.Database+".operators"] != 900 {
					t.Errorf("view failures %v", failed)
				}
				lines := logs.FilterMessage(sink.LogViewFailed).All()
				if len(lines) != 1 || !strings.Contains(fmt.Sprint(lines[0].ContextMap()["hint"]), ".operators") {
					t.Errorf("logged %v", lines)
				}
				for _, line := range logs.All() {
					if strings.Contains(fmt.Sprint(line.ContextMap()), "sub-") {
						t.Errorf("the log shows a value: %v", line)
					}
				}
			})
		})
	}
	t.Run("while a constraint refuses other rows", func(t *testing.T) {
		each(t, func(t *testing.T, d *database) {
			d.exec("CREATE TABLE $.target (subscription_id String, thrown UInt8) ENGINE = MergeTree ORDER BY subscription_id")
			d.exec("CREATE MATERIALIZED VIEW $.operators TO $.target AS SELECT subscription_id, throwIf(term_type = 'free') AS thrown FROM $.subscription_events")
			d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT a CHECK source_offset % 100 != 7, ADD CONSTRAINT b CHECK source_offset % 100 != 3")
			w, _, failed := d.watched()
			stats, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 0, 200, 20), spoiled(1, 200, 400, 7)}})
			if err != nil || stats.Refused != 8 || stats.Rows != 392 {
				t.Fatalf("%+v, %v", stats, err)
			}
			d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(392)")
			d.is("SELECT groupArray(source_offset) FROM (SELECT source_offset FROM $.dead_letters ORDER BY 1)", "([3,7,103,107,203,207,303,307])")
			if failed[d.cfg.Database+".operators"] != 392 {
				t.Errorf("view failures %v", failed)
			}
		})
	})
	t.Run("while the table refuses rows that it does not name", func(t *testing.T) {
		each(t, func(t *testing.T, d *database) {
			d.exec("CREATE TABLE $.target (subscription_id String, thrown UInt8) ENGINE = MergeTree ORDER BY subscription_id")
			d.exec("CREATE MATERIALIZED VIEW $.operators TO $.target AS SELECT subscription_id, throwIf(term_type = 'free') AS thrown FROM $.subscription_events")
			d.exec("ALTER TABLE $.subscription_events ADD COLUMN checked UInt8 DEFAULT throwIf(source_offset % 200 = 7)")
			w, _, failed := d.watched()
			stats, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 0, 200, 20), spoiled(1, 200, 400, 7)}})
			if err != nil || stats.Refused != 2 || stats.Rows != 398 {
				t.Fatalf("%+v, %v", stats, err)
			}
			d.is("SELECT count() FROM $.piano_subscriber_event_stream", "(398)")
			if stats.Attempts > 40 {
				t.Errorf("%d INSERTs: the rows of the failed view were searched for", stats.Attempts)
			}
			if failed[""] > 0 || failed[d.cfg.Database+".operators"] < 300 {
				t.Errorf("view failures %v", failed)
			}
		})
	})
	t.Run("on a small table", func(t *testing.T) {
		each(t, func(t *testing.T, d *database) {
			d.exec("CREATE TABLE $.target (thrown UInt8) ENGINE = Null")
			d.exec("CREATE MATERIALIZED VIEW $.of_ledger TO $.target AS SELECT throwIf(messages > 0) AS thrown FROM $.ingest_ledger")
			d.exec("CREATE MATERIALIZED VIEW $.of_letters TO $.target AS SELECT throwIf(attempts > 0) AS thrown FROM $.dead_letters")
			d.exec("CREATE MATERIALIZED VIEW $.of_filtered TO $.target AS SELECT throwIf(subscription_id != '') AS thrown FROM $.filtered_subscriptions")
			w, _, failed := d.watched()
			p := part(0, 0, 5)
			p.Filtered = []schemas.FilteredSubscription{{SubscriptionID: "x"}, {SubscriptionID: "y"}}
			failing(p, 5)
			failing(p, 6)
			if _, err := w.Flush(t.Context(), &sink.Batch{Token: "t", Parts: []*sink.Part{p, part(1, 0, 9)}}); err != nil {
				t.Fatal(err)
			}
			d.is("SELECT count() FROM $.ingest_ledger", "(2)")
			d.is("SELECT count() FROM $.dead_letters", "(2)")
			d.is("SELECT count() FROM $.filtered_subscriptions FINAL", "(2)")
			if failed[d.cfg.Database+".of_filtered"] != 2 || failed[d.cfg.Database+".of_ledger"] != 2 || failed[d.cfg.Database+".of_letters"] != 2 {
				t.Errorf("view failures %v", failed)
			}
			// The messages pass now.
			again := part(0, 0, 7)
			again.Recheck = true
			if stats, err := w.Flush(t.Context(), &sink.Batch{Token: "again", Parts: []*sink.Part{again}}); err != nil || stats.Resolved != 2 {
				t.Fatalf("%+v, %v", stats, err)
			}
			d.is("SELECT count(), countIf(resolved_at IS NULL) FROM $.dead_letters FINAL", "(2,0)")
			if failed[d.cfg.Database+".of_letters"] != 4 {
				t.Errorf("view failures %v", failed)
			}
		})
	})
}

// TestWriter_Flush_RefusedBefore: the table has the event from an earlier time, and
// refuses it now.
func TestWriter_Flush_RefusedBefore(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	each(t, func(t *testing.T, d *database) {
		d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 0, 100, 30)}})
		d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT no_free_riders CHECK term_type != 'free'")
		if stats := d.flush(&sink.Batch{Token: "again", Parts: []*sink.Part{spoiled(0, 0, 101, 25)}}); stats.Refused != 1 {
			t.Errorf("%+v, want the row at offset 100", stats)
		}
	})
}

// TestWriter_Flush_RefusedByType: a column that an operator changed refuses a row, and
// ClickHouse does not name it.
func TestWriter_Flush_RefusedByType(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	each(t, func(t *testing.T, d *database) {
		d.exec("ALTER TABLE $.subscription_events MODIFY COLUMN term_type Nullable(Enum8('payment' = 1))")
		stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 1, 900, 400), spoiled(1, 901, 1500, 400)}})
		if stats.Refused != 3 || stats.Rows != 1495 {
			t.Errorf("%+v", stats)
		}
		d.is("SELECT groupArray(source_offset) FROM (SELECT source_offset FROM $.dead_letters WHERE detail LIKE '%691%' ORDER BY 1)", "([400,800,1200])")
		d.is("SELECT count() FROM $.subscription_events FINAL", "(1495)")
	})
}

// TestWriter_Flush_ManyRefused counts what 20,000 rows with 0.9 % refused ones cost.
func TestWriter_Flush_ManyRefused(t *testing.T) {
	tier.Full(t, "looks for many refused rows")
	each(t, func(t *testing.T, d *database) {
		d.exec("ALTER TABLE $.subscription_events ADD CONSTRAINT no_free_riders CHECK term_type != 'free'")
		begin := time.Now()
		stats := d.flush(&sink.Batch{Token: "t", Parts: []*sink.Part{spoiled(0, 0, 9_000, 111), spoiled(1, 9_000, 20_000, 111)}})
		t.Logf("%d inserts in %s", stats.Attempts, time.Since(begin))
		if stats.Refused != 181 || stats.Attempts > 250 {
			t.Errorf("%+v", stats)
		}
		d.is("SELECT count() FROM $.piano_subscriber_event_stream", fmt.Sprintf("(%d)", 20_000-181))
		d.is("SELECT count() FROM $.dead_letters FINAL", "(181)")
		d.is("SELECT max(max_block_number) FROM system.parts WHERE database = '$' AND table = 'subscription_events'", "(1)")
	})
}

// TestWriter_Guard: the same messages end alike as a trickle, as a backlog, and after
// any number of restarts.
func TestWriter_Guard(t *testing.T) {
	tier.Full(t, "refuses rows of backlogs")
	const constraint = "ALTER TABLE $.subscription_events ADD CONSTRAINT no_free_riders CHECK term_type != 'free'"
	// run flushes so many rows at a time, as a consumer that starts again where it
	// stopped, and returns the errors of so many starts.
	run := func(d *database, rows, size, nth int64, starts int) (stops []error) {
		next := int64(0)
		for range starts {
			w, _, _ := d.watched()
			var err error
			for err == nil && next < rows {
				d.tick += 1000
				p := spoiled(0, next, min(next+size, rows), nth)
				p.Recheck = true
				if _, err = w.Flush(d.t.Context(), &sink.Batch{Token: fmt.Sprint(next), Parts: []*sink.Part{p}}); err == nil {
					next += size
				}
			}
			stops = append(stops, err)
		}
		return stops
	}
	for _, c := range []struct {
		name       string
		size, nth  int64
		stopsAgain bool
	}{
		{"5%, 40 rows at a time", 40, 20, true},
		{"5%, a backlog", 2000, 20, true},
		{"0.9%, 40 rows at a time", 40, 40 * 3, false},
		{"0.9%, a backlog", 2000, 40 * 3, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, sink.Native, nil)
			d.exec(constraint)
			for i, err := range run(d, 2000, c.size, c.nth, 3) {
				var fatal *sink.Error
				stopped := errors.Is(err, sink.ErrTooManyRefused) && errors.As(err, &fatal) && fatal.Class == sink.ClassFatal
				if stopped != c.stopsAgain || err != nil && !stopped {
					t.Errorf("start %d: %v", i+1, err)
				}
			}
			if c.stopsAgain {
				d.is("SELECT count() <= 10 FROM $.dead_letters FINAL", "(1)")
			}
		})
	}
	t.Run("a batch of many partitions", func(t *testing.T) {
		d := open(t, sink.Native, nil)
		d.exec(constraint)
		var parts []*sink.Part
		for partition := range int32(3000) {
			parts = append(parts, part(partition, int64(partition), int64(partition)))
		}
		parts[0] = spoiled(0, 0, 10, 100)
		if stats := d.flush(&sink.Batch{Token: "wide", Parts: parts}); stats.Refused != 1 {
			t.Errorf("%+v", stats)
		}
	})
	t.Run("rows of a clock that was ahead", func(t *testing.T) {
		d := open(t, sink.Native, nil)
		const year = 365 * 86_400_000
		d.tick += year
		d.flush(&sink.Batch{Token: "ahead", Parts: []*sink.Part{part(1, 100_000, 112_000)}})
		d.tick -= year
		d.exec(constraint)
		if stops := run(d, 2000, 40, 20, 1); !errors.Is(stops[0], sink.ErrTooManyRefused) {
			t.Errorf("these rows count as the newest for a year: %v", stops)
		}
	})
	t.Run("resolved dead letters do not count", func(t *testing.T) {
		d := open(t, sink.Native, nil)
		d.exec(constraint)
		if stops := run(d, 200, 40, 20, 1); slices.ContainsFunc(stops, func(err error) bool { return err != nil }) {
			t.Fatal(stops)
		}
		d.exec("INSERT INTO $.dead_letters SELECT * REPLACE (decided_at + 1 AS decided_at, now64(3) AS resolved_at) FROM $.dead_letters FINAL")
		p := spoiled(1, 0, 40, 20)
		if _, err := d.Flush(t.Context(), &sink.Batch{Token: "later", Parts: []*sink.Part{p}}); err != nil {
			t.Fatal(err)
		}
	})
}
