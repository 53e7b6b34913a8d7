package main

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
)

// server is a ClickHouse without a schema, for the tests that make their own.
var server engine.Engine

// shared are the servers of the tests that do not stop or configure them, and that look at
// their own topic and database only. The first of these tests starts them.
var shared struct {
	sync.Once
	testbed.Servers
	err error
}

func services(t testing.TB) *testbed.Servers {
	t.Helper()
	shared.Do(func() { shared.Services, shared.err = sandbox.Start(context.Background(), sandbox.Loopback(nil)) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return &shared.Servers
}

// holdState keeps the views of a database that pianola migrate made from being refreshed.
// Otherwise they would be refreshed during all later tests.
func holdState(t *testing.T, conn driver.Conn, database string) {
	t.Helper()
	if err := engine.HoldState(t.Context(), conn, schemas.Options{Database: database}); err != nil {
		t.Fatal(err)
	}
}

func TestMain(m *testing.M) {
	code := server.Run(m)
	if shared.Services != nil {
		shared.Close()
	}
	_ = os.RemoveAll(built.dir) // among the machine's temporary files; empty: nothing
	os.Exit(code)
}
