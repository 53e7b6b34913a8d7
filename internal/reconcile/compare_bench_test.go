package reconcile

import (
	"context"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
)

// BenchmarkCompare_Million compares a million subscriptions of six events each with a
// snapshot of a million rows, then counts and writes drift. At first some differ, then
// without any event all do. It reports CPU seconds, which other load changes least, and
// the growth of this process' memory, in which the embedded ClickHouse works.
//
//	go test -run '^$' -bench Million -benchtime 1x ./internal/reconcile
func BenchmarkCompare_Million(b *testing.B) {
	const subscriptions = 1_000_000
	conn, o := database(b)
	fill := `INSERT INTO ` + o.Table("subscription_events") + ` (event_id, subscription_id, user_id, event_timestamp, subscription_action,
	next_billed_at, transaction_value, term_type, billing_period, subscription_action_raw, version, synced_at)
SELECT generateUUIDv4(), concat('RC', leftPad(toString(cityHash64(s) % 1000000000000), 12, '0')), concat('U', toString(s)), at,
	['Created', 'Renewed', 'Renewed', 'PaymentFailed', 'Renewed', 'Renewed'][n + 1], at + INTERVAL 30 DAY, 9.99, 'payment', '1 month', '',
	toUInt64(toUnixTimestamp64Milli(at)) * 1048576 + number, at
FROM (SELECT number, intDiv(number, 6) AS s, number % 6 AS n, toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + INTERVAL (30 * n + s % 30) DAY AS at FROM numbers(%d))
SETTINGS max_partitions_per_insert_block = 0`
	execute(b, conn, strings.Replace(fill, "%d", strconv.Itoa(6*subscriptions), 1))
	snapshot := summary{ID: uuid.Must(uuid.NewV7()), Source: sourceAPI, AsOf: time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)}
	execute(b, conn, `INSERT INTO `+o.Table("subscription_snapshots")+` (snapshot_id, subscription_id, user_id, started_at, billing_period,
	subscription_status, term_type, regular_price, autorenew, next_bill_at, synced_at)
SELECT '`+snapshot.ID.String()+`', subscription_id, any(user_id), min(event_timestamp), '1 month',
	if(cityHash64(subscription_id) % 50 = 0, 'fail_and_retry', 'active'), 'payment', 9.99, true, max(next_billed_at), now64(3)
FROM `+o.Table("subscription_events")+` GROUP BY subscription_id SETTINGS max_bytes_before_external_group_by = 200000000`)
	reconciler, err := New(Defaults(), Deps{Conn: conn, Tables: o, Instance: "bench", Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		b.Fatal(err)
	}
	once := func(b *testing.B, candidates uint64) {
		for b.Loop() {
			r, err := reconciler.newRun()
			if err != nil {
				b.Fatal(err)
			}
			r.snapshot = snapshot
			execute(b, conn, "SYSTEM JEMALLOC PURGE")
			before, cpu, peak := resident(b), spent(b), watchResident(b)
			for _, step := range []func(context.Context) error{
				r.compare,
				func(ctx context.Context) error { _, err := r.chooseCandidates(ctx); return err },
				r.countResults,
				r.writeDrift,
			} {
				if err := step(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(peak()-before)/(1<<20), "MiB-risen")
			b.ReportMetric((spent(b) - cpu).Seconds(), "cpu-s")
			report := r.report
			if report.Compared != subscriptions || report.Candidates != candidates || report.Open != candidates {
				b.Fatalf("got %+v", *report)
			}
		}
	}
	b.Run("some_differ", func(b *testing.B) { once(b, 20_090) })
	execute(b, conn, "TRUNCATE TABLE "+o.Table("subscription_events"), "TRUNCATE TABLE "+o.Table("drift"))
	b.Run("all_are_missing", func(b *testing.B) { once(b, subscriptions) })
}

// resident is the process's memory in bytes.
func resident(t testing.TB) int64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.ParseInt(strings.Fields(string(raw))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// spent is the processor time of this process.
func spent(t testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// watchResident looks at it now and then, until the function that it gives is
// asked for the highest value.
func watchResident(t testing.TB) (peak func() int64) {
	highest, done, ended := int64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(50 * time.Millisecond)
		defer ticker.Stop()
		for {
			highest = max(highest, resident(t))
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	}()
	return func() int64 { close(done); <-ended; return highest }
}
