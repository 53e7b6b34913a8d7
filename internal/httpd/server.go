package httpd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// Bounds of the conversation. Pages are small and made at once, so that whoever
// needs longer is not a client but a leak.
const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 5 * time.Second // for requests under way when the server ends

	// DefaultCheckTimeout is shorter than the second or more that probes of
	// orchestrators are usually given to fail, times their usual retries.
	DefaultCheckTimeout = 2 * time.Second
)

// Config says where to listen and what to show.
type Config struct {
	Listen       string // host:port; port 0 takes a free one
	Live         []Check
	Ready        []Check // Live is not repeated here: /readyz asks both
	Metrics      prometheus.Gatherer
	CheckTimeout time.Duration // 0 means DefaultCheckTimeout
}

// Server is one listening socket and its pages.
type Server struct {
	listener net.Listener
	server   *http.Server
	log      *zap.Logger
}

// Listen takes the address at once, so that a taken port is an error at start and
// not in the middle; connections wait until Run.
func Listen(ctx context.Context, c Config, log *zap.Logger) (*Server, error) {
	if c.CheckTimeout == 0 {
		c.CheckTimeout = DefaultCheckTimeout
	}
	var socket net.ListenConfig
	listener, err := socket.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s is taken by another process: stop that, or set http.listen to another address: %w", c.Listen, syscall.EADDRINUSE)
		}
		return nil, fmt.Errorf("listen for http, check http.listen: %w", err)
	}
	return &Server{
		listener: listener,
		log:      log,
		server: &http.Server{
			Handler:           pages(c),
			ReadHeaderTimeout: headerTimeout,
			ReadTimeout:       headerTimeout,
			WriteTimeout:      writeTimeout,
			IdleTimeout:       idleTimeout,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          zap.NewStdLog(log),
		},
	}, nil
}

func pages(c Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", serveIndex)
	mux.Handle("GET /livez", serveReport(&prober{checks: c.Live, timeout: c.CheckTimeout}))
	ready := append(append([]Check(nil), c.Live...), c.Ready...)
	mux.Handle("GET /readyz", serveReport(&prober{checks: ready, timeout: c.CheckTimeout}))
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{
		MaxRequestsInFlight: 4,
		Timeout:             writeTimeout / 2,
	}))
	return mux
}

// Addr is where the server listens, with the port it was given.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then lets requests under way finish within a bound.
// It returns nil after such an end and is called once.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("http listens", zap.Stringer("address", s.Addr()))
	failed := make(chan error, 1) // closed by nobody: one value, one reader
	go func() { failed <- s.server.Serve(s.listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve http: %w", err)
	case <-ctx.Done():
	}
	bound, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err := s.server.Shutdown(bound)
	if err != nil {
		err = s.server.Close() // the bound has passed: cut them off
	}
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	if err != nil {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}

// Close gives the address back when Run was never called; after Run it does
// nothing.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}
