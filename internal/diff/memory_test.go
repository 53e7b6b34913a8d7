package diff_test

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/pianola/pianola/internal/diff"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestCompare_MemoryIsBounded: each statement stays within a limit that is far below what
// a month of events takes, whether nothing differs or everything does.
func TestCompare_MemoryIsBounded(t *testing.T) {
	tier.Full(t, "compares a million events")
	const subscriptions = 200_000 // 1.27 million events, most of them in five months
	d := newDatabases(t, subscriptions)
	options := server.Options(t, clickhouse.Native)
	options.Settings = clickhouse.Settings{"max_memory_usage": 160 << 20, "max_threads": 8}
	conn, err := clickhouse.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	d.conn = conn
	if r := d.compare(); !r.Identical || r.Events.First.Events < 6*subscriptions {
		t.Fatalf("%+v", r.Events)
	}
	d.conn = server.Connect(t) // the change itself may need more
	d.rewrite("1", map[string]string{"payment_mode": "'card'"})
	d.conn = conn
	if r := d.compare(); r.Events.Changed != r.Events.First.Events || r.Columns["payment_mode"] != r.Events.Changed {
		t.Errorf("%+v", r.Events)
	}
}

// BenchmarkCompare has a million events in each database: nothing differs, one event does,
// or all do.
func BenchmarkCompare(b *testing.B) {
	const subscriptions = 160_000
	d := newDatabases(b, subscriptions)
	run := func(name string, changed func(*diff.Report) bool) {
		b.Run(name, func(b *testing.B) {
			var events uint64
			for b.Loop() {
				r := d.compare()
				if !changed(r) {
					b.Fatalf("%+v", r.Events)
				}
				events += r.Events.First.Events
			}
			b.ReportMetric(float64(events)/b.Elapsed().Seconds(), "events/s")
		})
	}
	run("same", func(r *diff.Report) bool { return r.Identical })
	d.rewrite(one, map[string]string{"payment_mode": "'card'"})
	run("one_differs", func(r *diff.Report) bool { return r.Events.Changed == 1 })
	d.rewrite("1", map[string]string{"payment_mode": "'cash'"})
	run("all_differ", func(r *diff.Report) bool { return r.Events.Changed == r.Events.First.Events })
}
