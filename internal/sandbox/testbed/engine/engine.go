// Package engine is the ClickHouse server that the tests of a package share when
// they need databases but no Kafka. It imports nothing above package schemas, so
// that every package above can use it in its tests.
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
	"go.uber.org/goleak"

	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/schemas"
)

// Engine is a server that starts when a test first asks for it, so that fuzzing and
// other runs without it do not wait. Tests may use it at the same time.
type Engine struct {
	once      sync.Once
	server    *clickhouse.Server
	dir       string
	err       error
	databases atomic.Int32
}

// The owner, who may do everything. With a password, a wrong login can be tried.
const (
	User     = "owner"
	Password = "only-for-tests"
)

// Run runs the tests of a package, ends the server, and returns the exit status of
// the process. It is for TestMain.
func (e *Engine) Run(m *testing.M) int {
	clickhouse.ServeIfChild()
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

// RunWithoutLeaks is Run, and ends the process. Goroutines that are left are a failure.
func (e *Engine) RunWithoutLeaks(m *testing.M) {
	goleak.VerifyTestMain(run(func() int { return e.Run(m) }))
}

type run func() int

func (r run) Run() int { return r() }

// Server is the running server.
func (e *Engine) Server(t testing.TB) *clickhouse.Server {
	t.Helper()
	e.once.Do(func() {
		if e.dir, e.err = os.MkdirTemp("", "pianola-engine-"); e.err == nil {
			c := clickhouse.Loopback(e.dir)
			c.Access.Users = []clickhouse.User{clickhouse.Owner(User, Password)}
			e.server, e.err = clickhouse.Start(context.Background(), c)
		}
	})
	if e.err != nil {
		t.Fatal(e.err)
	}
	return e.server
}

// Options are those of the owner over a protocol.
func (e *Engine) Options(t testing.TB, protocol ch.Protocol) *ch.Options {
	t.Helper()
	addr := e.Server(t).NativeAddr()
	if protocol == ch.HTTP {
		addr = e.Server(t).HTTPAddr()
	}
	return &ch.Options{Protocol: protocol, Addr: []string{addr}, Auth: ch.Auth{Username: User, Password: Password}}
}

// Connect is a connection for one test, over the native protocol.
func (e *Engine) Connect(t testing.TB) driver.Conn {
	t.Helper()
	conn, err := ch.Open(e.Options(t, ch.Native))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Database is a database of this test alone, with the whole schema and no rows, and
// a connection to its server.
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
