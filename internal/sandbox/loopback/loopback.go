// Package loopback finds free addresses for servers that need a fixed address before they
// start.
package loopback

import (
	"fmt"
	"net"
)

// FreeAddr returns an address of the loopback interface that was free a moment ago.
// Another process may take it. If a server accepts port 0 and reports its address, use
// that instead.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
