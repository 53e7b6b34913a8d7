// Package engine is the embedded ClickHouse that the tests of a package share,
// where they need databases and nothing else of a stage. It knows nothing of the
// packages above schemas, so that these can use it in tests of their own.
package engine

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/schemas"
)

// Engine is one, of which a process can hold one. It starts when a test first asks for
// it: what needs none, such as fuzzing, does not wait for it. Tests may share one at
// the same time.
type Engine struct {
	once      sync.Once
	server    *clickhouse.Server
	dir       string
	err       error
	databases atomic.Int32
}

// Run runs the tests of a package, ends the engine, and gives the exit status of the
// process. It is for TestMain.
func (e *Engine) Run(m *testing.M) int {
	defer func() {
		if e.server != nil {
			_ = e.server.Close() // the tests are over
		}
		if e.dir != "" {
			_ = os.RemoveAll(e.dir) // among the machine's temporary files
		}
	}()
	return m.Run()
}

// Server is the engine at work.
func (e *Engine) Server(t testing.TB) *clickhouse.Server {
	t.Helper()
	e.once.Do(func() {
		if e.dir, e.err = os.MkdirTemp("", "pianola-engine-"); e.err == nil {
			e.server, e.err = clickhouse.Start(context.Background(), clickhouse.Config{DataDir: e.dir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
		}
	})
	if e.err != nil {
		t.Fatal(e.err)
	}
	return e.server
}

// Connect is a connection for one test, over the native protocol.
func (e *Engine) Connect(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := ch.Open(&ch.Options{Addr: []string{e.Server(t).NativeAddr()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Database is a database with the whole schema and no rows, which no other test
// has, and a connection to its engine.
func (e *Engine) Database(t testing.TB) (driver.Conn, schemas.Options) {
	t.Helper()
	conn, o := e.Connect(t), schemas.Options{Database: fmt.Sprintf("test_%d", e.databases.Add(1))}
	create, err := schemas.CreateDatabase(o)
	if err != nil {
		t.Fatal(err)
	}
	migrations, err := schemas.Migrations(o)
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{create}
	for _, m := range migrations {
		statements = append(statements, m.Statements...)
	}
	for _, s := range statements {
		if err := conn.Exec(t.Context(), s); err != nil {
			t.Fatalf("%v\n%s", err, s)
		}
	}
	return conn, o
}
