package testbed

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
)

// Servers are an embedded Kafka and a ClickHouse server, which the tests of a
// package share.
type Servers struct {
	*sandbox.Services

	names atomic.Int32
}

// Run starts the servers, runs the tests of a package, and returns the exit status
// of the process. It is for TestMain; s is the package's zero Servers.
func (s *Servers) Run(m *testing.M) int {
	clickhouse.ServeIfChild()
	var err error
	if s.Services, err = sandbox.Start(context.Background(), sandbox.Loopback(nil)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer s.Close()
	return m.Run()
}

// Start is for one test that has servers of its own, until its end.
func Start(t testing.TB) *Servers {
	t.Helper()
	services, err := sandbox.Start(t.Context(), sandbox.Loopback(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(services.Close)
	return &Servers{Services: services}
}

// Name is a name for a topic or a database that no other test of the process has.
func (s *Servers) Name() string { return fmt.Sprintf("fixture_%d", s.names.Add(1)) }
