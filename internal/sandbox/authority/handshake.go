package authority

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Handshake performs a TLS handshake of a client and a server on loopback. It returns the
// client's error, or otherwise the server's. The client dials 127.0.0.1 and expects this
// address in the certificate, unless it has a ServerName.
func Handshake(client, server *tls.Config) error {
	const within = 10 * time.Second // generous, for a slow machine
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer listener.Close()
	accepted := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			accepted <- err
			return
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(within)) // fails only on a closed connection
		accepted <- tls.Server(conn, server).Handshake()
	}()
	dialer := &net.Dialer{Timeout: within}
	conn, err := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), client)
	if err != nil {
		_ = listener.Close() // the accept must not wait for a client that never connects
	}
	other := <-accepted
	if err == nil {
		err = errors.Join(other, conn.Close())
	}
	return err
}
