package faultproxy_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
)

// server is shared by the tests of the package.
var server engine.Engine

func TestMain(m *testing.M) { server.RunWithoutLeaks(m) }

var (
	databases atomic.Int32
	protocols = map[string]chgo.Protocol{"native": chgo.Native, "http": chgo.HTTP}
)

// startWithTable starts a proxy, and creates a table t in a database for this test.
func startWithTable(t testing.TB) (p *faultproxy.Proxy, database string) {
	t.Helper()
	database = fmt.Sprintf("test_%d", databases.Add(1))
	conn := server.Connect(t)
	for _, sql := range []string{"CREATE DATABASE " + database, "CREATE TABLE " + database + ".t (n UInt64, s String) ENGINE = MergeTree ORDER BY n"} {
		if err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, faultproxy.Config{Native: server.Server(t).NativeAddr(), HTTP: server.Server(t).HTTPAddr()}), database
}

func start(t testing.TB, config faultproxy.Config) *faultproxy.Proxy {
	t.Helper()
	p, err := faultproxy.Start(context.Background(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func open(t testing.TB, p *faultproxy.Proxy, protocol chgo.Protocol, database string, compression chgo.CompressionMethod) driver.Conn {
	t.Helper()
	o := server.Options(t, protocol)
	o.Addr, o.Auth.Database, o.Compression = []string{p.NativeAddr()}, database, &chgo.Compression{Method: compression}
	if protocol == chgo.HTTP {
		o.Addr = []string{p.HTTPAddr()}
	}
	conn, err := chgo.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func wantRows(t testing.TB, conn driver.Conn, want uint64) {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(context.Background(), "SELECT count() FROM t").Scan(&n); err != nil || n != want {
		t.Errorf("%d rows, want %d: %v", n, want, err)
	}
}

// insert inserts three equal rows into t.
func insert(ctx context.Context, conn driver.Conn, n uint64, text string) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (n, s)")
	if err != nil {
		return err
	}
	for range 3 {
		if err := batch.Append(n, text); err != nil {
			return err
		}
	}
	return batch.Send()
}
