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

// openConn opens clickhouse-go's pool for all statements except the event insert.
// It connects at the first use, and skips an address that cannot be reached.
func openConn(cfg Config) (driver.Conn, error) {
	options := &clickhouse.Options{
		Addr:             cfg.Addr,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		Auth:             clickhouse.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		DialTimeout:      cfg.DialTimeout,
		ReadTimeout:      cfg.InsertTimeout,
		MaxOpenConns:     4, // flush, assignment check, ping and one spare
		MaxIdleConns:     2,
		Settings:         clickhouse.Settings{},
	}
	if cfg.TLS != nil {
		options.TLS = cfg.TLS() // selects https; each connection takes the current one
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
		// The HTTP status must report the outcome: clickhouse-go does not read
		// the body of a statement's 200.
		options.Settings["wait_end_of_query"] = "1"
		options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
			if cfg.TLS != nil {
				t.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
					ctx, cancel := context.WithTimeout(ctx, cfg.DialTimeout)
					defer cancel()
					return dialTCP(ctx, addr, cfg.TLS)
				}
			}
			if cfg.Compression == LZ4 {
				return framedTransport{t}, nil
			}
			return t, nil
		}
	default:
		options.Protocol = clickhouse.Native
		// clickhouse-go's own dialer ignores the context.
		options.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
			return dialTCP(ctx, addr, cfg.TLS)
		}
	}
	return clickhouse.Open(options)
}

// drainConn discards writes after a reset, so that the client can read
// ClickHouse's exception. A server that refuses an insert in the middle of the
// data sends an exception and may close the connection at once. Then the next
// write fails, and both client libraries return the write error without reading
// the exception: a fatal error would be retried. Without an exception the reader
// gets the end of the connection, which is a network error as before.
//
// The read is short, because the connection is dead in both directions, and the
// timeout of the attempt bounds it. Safe for concurrent use, like any net.Conn.
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

// SyscallConn lets clickhouse-go see that an idle connection was closed.
func (c *drainConn) SyscallConn() (syscall.RawConn, error) {
	inner, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("access the raw connection: %w", errors.ErrUnsupported)
	}
	return inner.SyscallConn()
}

// dialTCP opens a connection, with TLS when current is not nil.
func dialTCP(ctx context.Context, addr string, current func() *tls.Config) (net.Conn, error) {
	plain, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	conn := &drainConn{Conn: plain}
	if current == nil {
		return conn, nil
	}
	config := current()
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
