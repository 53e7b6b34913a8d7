package sink_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/sink"
)

const busyThreads = 16

// TestInsertBatch_LeavesTheConnectionToTheNextQuery ends the context of each insert as soon
// as it has returned, as callers do, and asks on the same connection. More threads than
// cores are busy: then the driver looks at the context late.
func TestInsertBatch_LeavesTheConnectionToTheNextQuery(t *testing.T) {
	options := server.Options(t, ch.Native)
	options.MaxOpenConns, options.MaxIdleConns = 1, 1
	conn, err := ch.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.Exec(t.Context(), "CREATE TABLE default.one_number (n UInt32) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Exec(context.WithoutCancel(t.Context()), "DROP TABLE default.one_number") })
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(busyThreads))
	var over atomic.Bool
	var busy sync.WaitGroup
	for range busyThreads {
		busy.Go(func() {
			for !over.Load() {
			}
		})
	}
	defer func() { over.Store(true); busy.Wait() }()
	const inserts = 300
	for i := range inserts {
		ctx, cancel := context.WithCancel(t.Context())
		err := sink.InsertBatch(ctx, conn, "INSERT INTO default.one_number (n)", func(batch driver.Batch) error { return batch.Append(uint32(i)) })
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		var n uint64
		if err := conn.QueryRow(t.Context(), "SELECT count() FROM default.one_number").Scan(&n); err != nil || n != uint64(i+1) {
			t.Fatalf("after %d inserts: %d rows, %v", i+1, n, err)
		}
	}
}

// TestInsertBatch_EndsWithItsContext: the time of the caller bounds an insert.
func TestInsertBatch_EndsWithItsContext(t *testing.T) {
	conn := server.Connect(t)
	if err := conn.Exec(t.Context(), "CREATE TABLE default.slow_number (n UInt32 DEFAULT 1, m UInt8 MATERIALIZED sleepEachRow(3)) ENGINE = Memory"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Connect(t).Exec(context.WithoutCancel(t.Context()), "DROP TABLE default.slow_number")
	})
	for name, limited := range map[string]func() (context.Context, context.CancelFunc){
		"deadline": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(t.Context(), 50*time.Millisecond)
		},
		"cancel": func() (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			return ctx, cancel
		},
	} {
		ctx, cancel := limited()
		err := sink.InsertBatch(ctx, conn, "INSERT INTO default.slow_number (n)", func(batch driver.Batch) error { return batch.Append(uint32(1)) })
		if err == nil {
			t.Errorf("%s: the insert ends without an error", name)
		}
		cancel()
	}
	unfit := errors.New("unfit")
	if err := sink.InsertBatch(t.Context(), conn, "INSERT INTO default.slow_number (n)", func(driver.Batch) error { return unfit }); !errors.Is(err, unfit) {
		t.Errorf("got %v", err)
	}
}
