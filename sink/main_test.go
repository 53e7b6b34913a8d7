package sink_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"

	clickhouse "github.com/pianola/pianola/internal/sandbox/front"
)

// password is the engine's in these tests: with one, a wrong login can be tried.
const password = "only-for-these-tests"

// engine is the real ClickHouse, embedded: one a process, started by the first
// test that asks.
var engine = sync.OnceValues(func() (*clickhouse.Server, error) {
	dir, err := os.MkdirTemp("", "pianola-sink")
	if err != nil {
		return nil, err
	}
	dataDir = dir
	return clickhouse.Start(context.Background(), clickhouse.Config{
		DataDir: dir, NativeAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Password: password,
	})
})

var dataDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if dataDir != "" {
		if server, err := engine(); err == nil {
			if err := server.Close(); err != nil {
				fmt.Fprintln(os.Stderr, err)
				code = 1
			}
		}
		_ = os.RemoveAll(dataDir)
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
