package faultproxy_test

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
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
)

const user, password = "owner", "only-for-these-tests"

// The tests share a server and a proxy before it. Each has a database of its own.
var (
	server *clickhouse.Server
	proxy  *faultproxy.Proxy
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	dir, err := os.MkdirTemp("", "pianola-faultproxy-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	config := clickhouse.Loopback(dir)
	config.Access.Users = []clickhouse.User{clickhouse.Owner(user, password)}
	if server, err = clickhouse.Start(ctx, config); err != nil {
		return 1, err
	}
	if proxy, err = faultproxy.Start(ctx, faultproxy.Config{Native: server.NativeAddr(), HTTP: server.HTTPAddr()}); err != nil {
		return 1, err
	}
	code = m.Run()
	proxy.Close()
	if err := server.Close(); err != nil {
		return 1, err
	}
	return code, goleak.Find()
}

// protocols are the two ways clickhouse-go has to the server.
var protocols = map[string]chgo.Protocol{"native": chgo.Native, "http": chgo.HTTP}

// options are those of a client of a proxy.
func options(p *faultproxy.Proxy, protocol chgo.Protocol, database string) *chgo.Options {
	addr := p.NativeAddr()
	if protocol == chgo.HTTP {
		addr = p.HTTPAddr()
	}
	return &chgo.Options{
		Addr: []string{addr}, Protocol: protocol,
		Auth:        chgo.Auth{Database: database, Username: user, Password: password},
		Compression: &chgo.Compression{Method: chgo.CompressionLZ4},
		DialTimeout: 10 * time.Second,
		ReadTimeout: time.Minute,
	}
}

func open(t testing.TB, o *chgo.Options) driver.Conn {
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

// newDatabase makes a database with a table t for one test, over the server itself.
func newDatabase(t testing.TB, name string) string {
	t.Helper()
	o := options(proxy, chgo.Native, "")
	o.Addr = []string{server.NativeAddr()}
	conn := open(t, o)
	execute(t, conn, "CREATE DATABASE "+name)
	execute(t, conn, "CREATE TABLE "+name+".t (n UInt64, s String) ENGINE = MergeTree ORDER BY n")
	t.Cleanup(func() { execute(t, conn, "DROP DATABASE "+name) })
	return name
}

func execute(t testing.TB, conn driver.Conn, sql string) {
	t.Helper()
	if err := conn.Exec(context.Background(), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func count(t testing.TB, conn driver.Conn, sql string) uint64 {
	t.Helper()
	var n uint64
	if err := conn.QueryRow(context.Background(), sql).Scan(&n); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return n
}

// insert inserts rows into t with a string of some size each.
func insert(ctx context.Context, conn driver.Conn, rows uint64, size int) error {
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO t (n, s)")
	if err != nil {
		return err
	}
	text := make([]byte, size)
	for n := range rows {
		for i := range text {
			text[i] = byte(n + uint64(i*i)*2654435761>>7)
		}
		if err := batch.Append(n, string(text)); err != nil {
			return err
		}
	}
	return batch.Send()
}
