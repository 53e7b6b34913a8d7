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
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// openConn opens clickhouse-go's pool for all statements except the event insert.
func openConn(cfg Config) (driver.Conn, error) {
	options := Options(cfg)
	options.MaxOpenConns = 4 // flush, assignment check, ping and one spare
	options.MaxIdleConns = 2
	for _, kv := range insertSettings() {
		options.Settings[kv.name] = kv.value
	}
	if cfg.Compression == LZ4 {
		options.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
		if cfg.Protocol == HTTP {
			plain := options.TransportFunc
			options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
				_, err := plain(t) // t has what it needs
				return framedTransport{unredirected{t}}, err
			}
		}
	}
	return clickhouse.Open(options)
}

// Options are the connection options that every connection of clickhouse-go in
// Pianola starts from. A connection is made at its first use, in the order of the
// addresses. Each address has DialTimeout, and its share of the caller's time where
// that is shorter, so that the next one can be tried. Compression is off.
func Options(cfg Config) *clickhouse.Options {
	options := &clickhouse.Options{
		Protocol:         clickhouse.Native,
		Addr:             cfg.Addr,
		ConnOpenStrategy: clickhouse.ConnOpenInOrder,
		Auth:             clickhouse.Auth{Database: cfg.Database, Username: cfg.User, Password: cfg.Password},
		DialTimeout:      cfg.DialTimeout * time.Duration(max(len(cfg.Addr), 1)), // of all addresses together
		ReadTimeout:      cfg.InsertTimeout,
		Settings:         clickhouse.Settings{},
	}
	if cfg.TLS != nil {
		options.TLS = cfg.TLS() // selects https; each connection takes the current one
	}
	for _, kv := range pinnedSettings() {
		options.Settings[kv.name] = kv.value
	}
	dial := dialer{timeout: cfg.DialTimeout, tls: cfg.TLS, greeted: cfg.Protocol != HTTP}
	options.DialStrategy = func(ctx context.Context, id int, o *clickhouse.Options, connect clickhouse.Dial) (clickhouse.DialResult, error) {
		share := cfg.DialTimeout
		if end, ok := ctx.Deadline(); ok {
			share = min(share, time.Until(end)/time.Duration(max(len(cfg.Addr), 1)))
		}
		bounded := func(ctx context.Context, addr string, o *clickhouse.Options) (clickhouse.DialResult, error) {
			ctx, cancel := context.WithTimeout(ctx, share)
			defer cancel()
			return connect(ctx, addr, o)
		}
		return clickhouse.DefaultDialStrategy(ctx, id, o, bounded)
	}
	if cfg.Protocol != HTTP {
		options.DialContext = dial.dial
		return options
	}
	options.Protocol = clickhouse.HTTP
	// The HTTP status must report the outcome: clickhouse-go does not read the body
	// of a statement's 200, and by default ClickHouse sends the status before the
	// statement ends.
	options.Settings["wait_end_of_query"] = "1"
	options.TransportFunc = func(t *http.Transport) (http.RoundTripper, error) {
		// A RoundTripper that hides the Transport's CloseIdleConnections would leak
		// connections.
		t.DialTLSContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return dial.dial(ctx, addr) }
		plain := dial
		plain.tls = nil // for http, and for a proxy before the TLS of its tunnel
		t.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) { return plain.dial(ctx, addr) }
		return unredirected{t}, nil
	}
	return options
}

// unredirected does not follow redirects: net/http would send the password, which
// is in the headers, to another server, and perhaps without TLS. Without a Location
// the answer is an error with its status.
type unredirected struct{ *http.Transport }

// RoundTrip removes the Location of an answer.
func (u unredirected) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.Transport.RoundTrip(r)
	if err == nil {
		answer.Header.Del("Location")
	}
	return answer, err
}

// dialer opens connections for clickhouse-go, whose own dialer ignores the context.
type dialer struct {
	timeout time.Duration
	tls     func() *tls.Config // nil: plain text
	// greeted closes a connection on which the server says nothing: the handshake
	// of the native protocol waits for the dial timeout and ignores the context.
	greeted bool
}

func (d dialer) dial(ctx context.Context, addr string) (net.Conn, error) {
	bounded, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	conn, err := dialTCP(bounded, addr, d.tls)
	if err != nil || !d.greeted {
		return conn, err
	}
	end, _ := bounded.Deadline()
	mute := time.AfterFunc(time.Until(end), func() { _ = conn.Close() })
	return &greetedConn{conn, mute}, nil
}

// greetedConn stops a timer when the server says its first word.
type greetedConn struct {
	net.Conn
	mute *time.Timer // closes the connection
}

func (c *greetedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.mute.Stop()
	}
	return n, err
}

func (c *greetedConn) Close() error {
	c.mute.Stop()
	return c.Conn.Close()
}

// SyscallConn lets clickhouse-go see that an idle connection was closed.
func (c *greetedConn) SyscallConn() (syscall.RawConn, error) { return rawConn(c.Conn) }

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
func (c *drainConn) SyscallConn() (syscall.RawConn, error) { return rawConn(c.Conn) }

func rawConn(conn net.Conn) (syscall.RawConn, error) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	inner, ok := conn.(syscall.Conn)
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
