package sink_test

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The size of BenchmarkOptimizeOnInsert.
const (
	optimizeInserts = 10
	optimizeRows    = 50_000 // of an insert
)

// BenchmarkOptimizeOnInsert compares inserts with optimize_on_insert = 0, as the sink
// has them, and with ClickHouse's default of 1. An op is ten inserts of 50,000 rows of
// four months, 1 % of them redeliveries, into each of two tables, in turn. The metrics
// are medians over the ops, as the ratio of the sink's setting to the default:
//
//   - insert: server CPU of the inserts;
//   - query: time of a query over the view's FINAL before any merge;
//   - merge: time of merging everything into one part a month;
//   - merged: time of the same query afterwards.
func BenchmarkOptimizeOnInsert(b *testing.B) {
	conn, o := server.Database(b)
	exec := func(statement string) {
		b.Helper()
		if err := conn.Exec(b.Context(), statement); err != nil {
			b.Fatalf("%v\n%s", err, statement)
		}
	}
	events := o.Table("subscription_events")
	source := o.Table("source")
	exec("CREATE TABLE " + source + " AS " + events + " ENGINE = Memory")
	exec(fmt.Sprintf(`INSERT INTO %s (event_id, subscription_id, user_id, event_timestamp, subscription_action, event_name, resource_name,
			next_billed_at, billing_period, term_type, term_name, transaction_value, payment_mode, user_email_hash_sha256, subscription_action_raw,
			version, synced_at, source, source_name, source_partition, source_offset)
		SELECT reinterpretAsUUID(murmurHash3_128(event)), concat('RC', hex(sipHash64(event %% 90000))), concat('u', toString(event %% 80000)),
			toDateTime64('2026-01-01', 3, 'UTC') + toIntervalSecond(event * 7919 %% 10000000), 'Renewed', 'subscription_event', ['Digital', 'Print', 'Archive'][1 + event %% 3],
			toDateTime64('2026-06-01', 3, 'UTC') + toIntervalSecond(event %% 10000000), '1 month', 'payment', ['Monthly', 'Annual', 'Student'][1 + event %% 3],
			toDecimal64(event %% 400, 4), 'Credit Card', hex(SHA256(toString(event %% 80000))), 'renewed',
			(1740000000000 + number) * 1048576 + number, now64(3), 'kafka', 'events', number %% 4, intDiv(number, 4)
		FROM (SELECT number, if(number %% 100 = 99, number - 50, number) AS event FROM numbers(%d))`, source, optimizeInserts*optimizeRows))

	type figures struct{ insert, query, merge, merged []float64 }
	var measured [2]figures
	query := func(table string) float64 {
		start := time.Now()
		exec("SELECT term_name, count(), sum(transaction_value) FROM " + table + " FINAL GROUP BY 1 FORMAT Null SETTINGS do_not_merge_across_partitions_select_final = 1")
		return time.Since(start).Seconds()
	}
	cpu := func() float64 {
		var seconds float64
		if err := conn.QueryRow(b.Context(), "SELECT value / 1e6 FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'").Scan(&seconds); err != nil {
			b.Fatal(err)
		}
		return seconds
	}
	for range b.N {
		for optimize := range 2 {
			table, f := o.Table(fmt.Sprintf("events_%d", optimize)), &measured[optimize]
			exec("CREATE TABLE " + table + " AS " + events)
			exec("SYSTEM STOP MERGES " + table)
			before := cpu()
			for n := range optimizeInserts {
				exec(fmt.Sprintf("INSERT INTO %s SELECT * FROM %s WHERE intDiv(source_offset * 4 + source_partition, %d) = %d SETTINGS optimize_on_insert = %d, max_threads = 1, min_insert_block_size_rows = 1000000000, min_insert_block_size_bytes = 0",
					table, source, optimizeRows, n, optimize))
			}
			f.insert = append(f.insert, cpu()-before)
			f.query = append(f.query, query(table))
			exec("SYSTEM START MERGES " + table)
			start := time.Now()
			exec("OPTIMIZE TABLE " + table + " FINAL")
			f.merge = append(f.merge, time.Since(start).Seconds())
			f.merged = append(f.merged, query(table))
			exec("DROP TABLE " + table + " SYNC")
		}
	}
	for _, one := range []struct {
		name string
		of   func(figures) []float64
	}{
		{"insert", func(f figures) []float64 { return f.insert }}, {"query", func(f figures) []float64 { return f.query }},
		{"merge", func(f figures) []float64 { return f.merge }}, {"merged", func(f figures) []float64 { return f.merged }},
	} {
		b.ReportMetric(median(one.of(measured[0]))/median(one.of(measured[1])), one.name+"-ratio")
		b.ReportMetric(median(one.of(measured[0]))*1000, one.name+"-ms")
	}
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
