package clickhouse_test

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	chgo "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/goleak"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// server is the one engine of this process, shared by the tests; each makes a
// database of its own.
var server *clickhouse.Server

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		os.Exit(child(dir))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pianola-clickhouse-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	server, err = clickhouse.Start(ctx, clickhouse.Config{
		DataDir: dir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0",
		Progress: func(s string) { fmt.Fprintln(os.Stderr, s) },
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if err := server.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// protocols are the two ways clickhouse-go has to the server.
var protocols = map[string]chgo.Protocol{"native": chgo.Native, "http": chgo.HTTP}

func options(p chgo.Protocol, database string) *chgo.Options {
	addr := server.NativeAddr()
	if p == chgo.HTTP {
		addr = server.HTTPAddr()
	}
	return &chgo.Options{
		Addr: []string{addr}, Protocol: p,
		Auth:        chgo.Auth{Database: database, Username: "default"},
		Compression: &chgo.Compression{Method: chgo.CompressionLZ4},
		DialTimeout: 30 * time.Second,
		ReadTimeout: 5 * time.Minute,
	}
}

func open(t *testing.T, o *chgo.Options) driver.Conn {
	t.Helper()
	conn, err := chgo.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return conn
}

// newDatabase makes a database for one test.
func newDatabase(t *testing.T, name string) string {
	t.Helper()
	conn := open(t, options(chgo.Native, ""))
	execute(t, conn, "CREATE DATABASE "+name)
	t.Cleanup(func() { execute(t, conn, "DROP DATABASE "+name) })
	return name
}

func execute(t *testing.T, conn driver.Conn, sql string, args ...any) {
	t.Helper()
	if err := conn.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t *testing.T, conn driver.Conn, sql string, args ...any) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}
