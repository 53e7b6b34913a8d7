// Package loopback finds addresses for servers that have to be told where to
// listen before they do.
package loopback

import (
	"fmt"
	"net"
)

// FreeAddr gives an address of the loopback interface that was free a moment ago.
// Somebody else may take it meanwhile: where a server can be given port 0 and
// asked afterwards, that is the better way.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}
