package world_test

import (
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
)

// server is shared by the tests that read stored data.
var server engine.Engine

func TestMain(m *testing.M) { server.RunWithoutLeaks(m) }
