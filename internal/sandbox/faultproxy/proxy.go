package faultproxy

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
)

// Config is where the server listens.
type Config struct {
	Native, HTTP string
}

// Proxy passes clients on to a server.
type Proxy struct {
	native    net.Listener
	http      net.Listener
	server    *http.Server
	transport *http.Transport
	quit      context.Context // ends with Close
	cancel    context.CancelFunc
	work      sync.WaitGroup // listeners, connections and requests

	mu       sync.Mutex
	target   Config
	controls []*Control // replaced, never changed
}

// Start listens on free loopback ports. ctx bounds Start alone; Close ends the proxy.
func Start(ctx context.Context, cfg Config) (*Proxy, error) {
	var listen net.ListenConfig
	native, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for native clients: %w", err)
	}
	web, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		_ = native.Close()
		return nil, fmt.Errorf("listen for HTTP clients: %w", err)
	}
	p := &Proxy{native: native, http: web, target: cfg}
	p.quit, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", p.targets().HTTP)
		},
		// A connection that outlives the server would fail the first request to the
		// next one, which a client of the server alone does not see.
		DisableKeepAlives:  true,
		DisableCompression: true,
	}
	p.server = &http.Server{
		Handler:     http.HandlerFunc(p.serveHTTP),
		BaseContext: func(net.Listener) context.Context { return p.quit },
		ErrorLog:    log.New(io.Discard, "", 0),
	}
	p.work.Go(func() { _ = p.server.Serve(web) })
	p.work.Go(p.acceptNative)
	return p, nil
}

// NativeAddr is where native clients connect.
func (p *Proxy) NativeAddr() string { return p.native.Addr().String() }

// HTTPAddr is where HTTP clients connect.
func (p *Proxy) HTTPAddr() string { return p.http.Addr().String() }

// SetTarget changes where the server listens, for new connections and requests.
func (p *Proxy) SetTarget(native, http string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target = Config{Native: native, HTTP: http}
}

func (p *Proxy) targets() Config {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// Close closes all connections and waits until everything has ended.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.cancel()
	p.mu.Unlock()
	_ = p.native.Close()
	_ = p.server.Close()
	p.work.Wait()
}

// begin counts a request in, unless the proxy closes.
func (p *Proxy) begin() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quit.Err() != nil {
		return false
	}
	p.work.Add(1)
	return true
}

// reset closes a connection with a reset, as a server does that has died.
func reset(conn net.Conn) {
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}
