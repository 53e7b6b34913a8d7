package testbed

import (
	"net"
	"testing"
)

// Mute is an address that completes connections and does not answer: the system
// accepts them for a listener that never does.
func Mute(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() }) // nothing uses it any more
	return l.Addr().String()
}
