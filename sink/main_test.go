package sink_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
)

// server is shared by the tests of the package.
var server engine.Engine

func TestMain(m *testing.M) {
	code := server.Run(m)
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
