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

// Proxy is one listener.
type Proxy struct {
	listener net.Listener
	target   string
	quit     context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup
}

// Listen accepts connections on addr, a loopback address, until Close, and passes
// them on to target. The configuration decides which certificate is shown and
// whether clients have to show one. ctx bounds only Listen.
func Listen(ctx context.Context, addr, target string, config *tls.Config) (*Proxy, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for TLS: %w", err)
	}
	p := &Proxy{listener: tls.NewListener(l, config), target: target}
	p.quit, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.work.Go(p.accept)
	return p, nil
}

// Addr is where clients dial.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// Close closes the listener and every connection, and waits for their end.
func (p *Proxy) Close() error {
	p.cancel()
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
		p.work.Go(func() { p.serve(conn.(*tls.Conn)) })
	}
}

// serve passes bytes in both directions. The end of the server ends the
// connection; a client that ends its requests still gets the answers.
func (p *Proxy) serve(client *tls.Conn) {
	defer client.NetConn().Close()
	if err := client.HandshakeContext(p.quit); err != nil {
		return // the client gets the alert that says why
	}
	server, err := new(net.Dialer).DialContext(p.quit, "tcp", p.target)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(p.quit, func() { _, _ = client.NetConn().Close(), server.Close() })()
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
