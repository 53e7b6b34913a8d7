package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"syscall"
)

// heardOut lets a server be heard out. One that refuses an insert while its data is
// still being sent answers with an exception and may close the connection at once;
// then the next write fails, and both client libraries return that and never read
// the answer. What must stop the process would be tried again instead. So, once
// the peer's reset has broken a write, what else is written is dropped, and the
// reader comes to the exception, or, where there is none, to the end of the
// connection, which is a network error as before.
//
// The wait for that is short, since the connection is dead in both directions:
// what has arrived can be read, and then it fails; the bound of the attempt stands
// over it. Like any net.Conn it may be used by several goroutines.
type heardOut struct {
	net.Conn
	broken atomic.Bool
}

func (c *heardOut) Write(p []byte) (int, error) {
	if c.broken.Load() {
		return len(p), nil
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		c.broken.Store(true)
		return len(p), nil
	}
	return n, err
}

// SyscallConn is how clickhouse-go sees that an idle connection has been closed.
func (c *heardOut) SyscallConn() (syscall.RawConn, error) {
	inner, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("look at the connection: %w", errors.ErrUnsupported)
	}
	return inner.SyscallConn()
}

// dialTCP opens a connection, with TLS where config asks for it.
func dialTCP(ctx context.Context, addr string, config *tls.Config) (net.Conn, error) {
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := &heardOut{Conn: plain}
	if config == nil {
		return conn, nil
	}
	if config.ServerName == "" {
		config = config.Clone()
		if config.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			_ = plain.Close()
			return nil, err
		}
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = plain.Close()
		return nil, err
	}
	return secure, nil
}
