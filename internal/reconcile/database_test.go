package reconcile

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/schemas"
)

// server is the engine that the package's tests share: a process can hold one.
var server *clickhouse.Server

func TestMain(m *testing.M) { os.Exit(withServer(m.Run)) }

func withServer(run func() int) int {
	dir, err := os.MkdirTemp("", "pianola-reconcile")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }() // the machine's temporary files
		server, err = clickhouse.Start(context.Background(), clickhouse.Config{DataDir: dir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = server.Close() }() // the tests are over
	return run()
}

var databases atomic.Int32

// database is a database of the test's own with the whole schema, and no rows.
func database(t testing.TB) (driver.Conn, schemas.Options) {
	t.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{server.NativeAddr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	o := schemas.Options{Database: fmt.Sprintf("reconcile_%d", databases.Add(1))}
	create, err := schemas.CreateDatabase(o)
	if err != nil {
		t.Fatal(err)
	}
	execute(t, conn, create)
	migrations, err := schemas.Migrations(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range migrations {
		execute(t, conn, m.Statements...)
	}
	return conn, o
}

func execute(t testing.TB, conn driver.Conn, statements ...string) {
	t.Helper()
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
}

// texts are the rows of a query of one text column.
func texts(t testing.TB, conn driver.Conn, query string) []string {
	t.Helper()
	var all []string
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer func() { _ = rows.Close() }() // Err tells
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatalf("%v\n%s", err, query)
		}
		all = append(all, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	return all
}
