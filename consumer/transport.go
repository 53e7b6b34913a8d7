package consumer

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/sasl"
)

// transport is kafka-go's, with metadata that can be refreshed. Safe for
// concurrent use.
type transport struct {
	*kafka.Transport

	mu     sync.Mutex
	layout int // number of refreshes
}

// current is the number of the known metadata.
func (t *transport) current() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.layout
}

// forget drops the known metadata, so that the next request refreshes it, unless
// this has happened since layout was returned: a hundred readers of a moved
// leader refresh once. Running requests continue.
func (t *transport) forget(layout int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.layout == layout {
		t.layout++
		t.CloseIdleConnections()
	}
}

// newTransport is for everything except the group's own connection.
func newTransport(cfg Config, login sasl.Mechanism) *transport {
	dialer := net.Dialer{Timeout: cfg.DialTimeout}
	return &transport{Transport: &kafka.Transport{
		Dial: addressed(encrypted(cfg.TLS, dialer.DialContext)),
		// kafka-go tries the brokers one after another within one bound.
		DialTimeout:    cfg.DialTimeout * time.Duration(len(cfg.Brokers)),
		ClientID:       cfg.ClientID,
		MetadataTopics: cfg.Topics,
		SASL:           login,
	}}
}

// connTracker is a dialer that can close all its connections: kafka-go's group
// waits for a join without a context, for as long as the rebalance timeout.
type connTracker struct {
	dialer net.Dialer

	mu    sync.Mutex
	cut   bool
	conns map[net.Conn]struct{}
}

// newConnTracker returns a dialer with a timeout per connection.
func newConnTracker(timeout time.Duration) *connTracker {
	return &connTracker{dialer: net.Dialer{Timeout: timeout}, conns: make(map[net.Conn]struct{})}
}

// dial is kafka.Dialer's DialFunc.
func (c *connTracker) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := c.dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cut {
		_ = conn.Close()
		return nil, net.ErrClosed
	}
	c.conns[conn] = struct{}{}
	return &trackedConn{Conn: conn, of: c}, nil
}

// all closes every connection, and every later one.
func (c *connTracker) all() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	for conn := range c.conns {
		_ = conn.Close()
	}
}

// trackedConn is a connection that its tracker forgets when it is closed.
type trackedConn struct {
	net.Conn
	of *connTracker
}

func (c *trackedConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c.Conn)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// newDialer is for the group's connections, which kafka-go opens itself.
func newDialer(cfg Config, login sasl.Mechanism, conns *connTracker) *kafka.Dialer {
	return &kafka.Dialer{
		ClientID:      cfg.ClientID,
		DialFunc:      addressed(encrypted(cfg.TLS, conns.dial)),
		Timeout:       cfg.DialTimeout,
		SASLMechanism: login,
	}
}

type dialFunc = func(ctx context.Context, network, address string) (net.Conn, error)

// addressed adds the address to the errors of a dialer: name resolution and TLS know
// only a part of it.
func addressed(dial dialFunc) dialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, atBroker(address, err)
		}
		return conn, nil
	}
}

// encrypted adds TLS to a dialer. kafka-go would keep one tls.Config for all connections,
// and so certificates that have expired.
func encrypted(current func() *tls.Config, dial dialFunc) dialFunc {
	if current == nil {
		return dial
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		config := current()
		if config.ServerName == "" {
			config = config.Clone()
			if config.ServerName, _, err = net.SplitHostPort(address); err != nil {
				_ = conn.Close()
				return nil, err
			}
		}
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		return secure, nil
	}
}
