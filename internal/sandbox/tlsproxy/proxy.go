// Package tlsproxy terminates TLS in front of a server without TLS. It accepts
// encrypted connections and passes their plain bytes on, for tests and trials with
// the ClickHouse of package clickhouse. [Listen] starts it.
package tlsproxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Proxy is one listener. Its methods are safe for concurrent use.
type Proxy struct {
	listener net.Listener
	config   *tls.Config
	target   string
	work     sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]struct{} // both sides of all connections
	closed bool
}

// Listen accepts connections on addr, a loopback address, until Close, and passes
// them on to target. The configuration decides which certificate is shown and
// whether clients have to show one.
func Listen(ctx context.Context, addr, target string, config *tls.Config) (*Proxy, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for TLS: %w", err)
	}
	p := &Proxy{listener: l, config: config, target: target, conns: map[net.Conn]struct{}{}}
	p.work.Go(p.accept)
	return p, nil
}

// Addr is where clients dial.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close closes the listener and every connection, and waits for their end.
func (p *Proxy) Close() error {
	p.mu.Lock()
	p.closed = true
	for conn := range p.conns {
		_ = conn.Close()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.work.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

func (p *Proxy) accept() {
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		if !p.register(conn) {
			return
		}
		p.work.Go(func() {
			defer p.release(conn)
			p.serve(conn)
		})
	}
}

// serve passes bytes in both directions. The end of the server ends the
// connection; a client that ends its requests still gets the answers.
func (p *Proxy) serve(raw net.Conn) {
	client := tls.Server(raw, p.config)
	if err := client.Handshake(); err != nil {
		return // the client gets the alert that says why
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.register(server) {
		return
	}
	defer p.release(server)
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _ = io.Copy(client, server)
		_ = client.Close()
	}()
	_, _ = io.Copy(server, client) // how a side ends is passed on, not reported
	_ = server.(*net.TCPConn).CloseWrite()
	<-answered
}

// register keeps a connection for Close. It closes the connection and returns
// false when the proxy is closed.
func (p *Proxy) register(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = conn.Close()
		return false
	}
	p.conns[conn] = struct{}{}
	return true
}

func (p *Proxy) release(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, conn)
	_ = conn.Close()
}
