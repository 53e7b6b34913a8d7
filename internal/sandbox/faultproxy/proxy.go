package faultproxy

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Config is where the server listens.
type Config struct {
	Native, HTTP string
}

// Proxy forwards connections to a server.
type Proxy struct {
	cfg       Config
	native    net.Listener
	http      net.Listener
	server    *http.Server
	transport *http.Transport
	control   atomic.Pointer[Control]
	quit      context.Context // ends with Close
	cancel    context.CancelFunc
	work      sync.WaitGroup // listeners and connections
}

// Start listens on free loopback ports. ctx bounds only Start; Close stops the proxy.
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
	p := &Proxy{cfg: cfg, native: native, http: web}
	// An idle connection to a server that restarts would fail the next request, which
	// does not happen to a client without the proxy. DisableKeepAlives would change the
	// request: it sends "Connection: close".
	p.transport = &http.Transport{MaxIdleConnsPerHost: -1, DisableCompression: true}
	p.quit, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.server = &http.Server{
		Handler:     http.HandlerFunc(p.serveHTTP),
		BaseContext: func(net.Listener) context.Context { return p.quit },
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew: // Serve has not returned, so work is not 0
				p.work.Add(1)
			case http.StateClosed:
				p.work.Done()
			}
		},
	}
	p.work.Go(func() { _ = p.server.Serve(web) })
	p.work.Go(p.acceptNative)
	return p, nil
}

// NativeAddr is where native clients connect.
func (p *Proxy) NativeAddr() string { return p.native.Addr().String() }

// HTTPAddr is where HTTP clients connect.
func (p *Proxy) HTTPAddr() string { return p.http.Addr().String() }

// Close closes all connections and waits until their goroutines have returned.
func (p *Proxy) Close() {
	p.cancel()
	_ = p.native.Close()
	_ = p.server.Close()
	p.work.Wait()
}
