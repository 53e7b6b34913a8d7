package sink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// openConn makes clickhouse-go's pool for every statement but the hot insert. It
// connects when it is first used; an address that cannot be reached is passed
// over at dial time.
func openConn(cfg Config) (driver.Conn, error) {
	options := &clickhouse.Options{
		Addr:             cfg.Addr,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		Auth:             clickhouse.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		TLS:              cfg.TLS,
		DialTimeout:      cfg.DialTimeout,
		ReadTimeout:      cfg.InsertTimeout,
		MaxOpenConns:     4, // flush, assignment check, ping, and one to spare
		MaxIdleConns:     2,
		Settings:         clickhouse.Settings{},
	}
	for _, kv := range insertSettings() {
		options.Settings[kv.name] = kv.value
	}
	if cfg.Compression == LZ4 {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	switch cfg.Protocol {
	case HTTP:
		options.Protocol = clickhouse.HTTP
		// The status must tell the outcome: clickhouse-go does not read the
		// body of a statement's 200.
		options.Settings["wait_end_of_query"] = "1"
		if cfg.Compression == LZ4 {
			options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) { return framedTransport{t}, nil }
		}
	default:
		options.Protocol = clickhouse.Native
		// clickhouse-go's own dialling does not end with the context.
		options.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
			return dialTCP(ctx, addr, cfg.TLS)
		}
	}
	return clickhouse.Open(options)
}

// drainConn lets a server be heard out. One that refuses an insert while its data is
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
type drainConn struct {
	net.Conn
	broken atomic.Bool
}

func (c *drainConn) Write(p []byte) (int, error) {
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
func (c *drainConn) SyscallConn() (syscall.RawConn, error) {
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
	conn := &drainConn{Conn: plain}
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
