package authority

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

// Shake lets a client and a server shake hands on loopback, and gives what went
// wrong: the client's error where it has one, else the server's. The client dials
// 127.0.0.1 and expects that in the certificate, unless it has a ServerName.
func Shake(client, server *tls.Config) error {
	const within = 10 * time.Second // for the machine, not for the peer
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
		_ = conn.SetDeadline(time.Now().Add(within)) // fails on a closed connection alone
		accepted <- tls.Server(conn, server).Handshake()
	}()
	dialer := &net.Dialer{Timeout: within}
	conn, err := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), client)
	if err != nil {
		_ = listener.Close() // nobody waits for a client that has not come
	}
	other := <-accepted
	if err == nil {
		err = errors.Join(other, conn.Close())
	}
	return err
}
