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

// Timeouts of connections. Pages are small and generated immediately, so a slower
// client is a leaked connection.
const (
	headerTimeout = 5 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	closeTimeout  = 5 * time.Second // for active requests at shutdown

	// DefaultCheckTimeout is shorter than the usual probe timeout of an orchestrator
	// times its usual retries.
	DefaultCheckTimeout = 2 * time.Second
)

// Config is the address and the content of the pages.
type Config struct {
	Listen       string // host:port; port 0 selects a free port
	Live         []Check
	Ready        []Check // /readyz runs these and Live
	Metrics      prometheus.Gatherer
	CheckTimeout time.Duration // 0 means DefaultCheckTimeout
}

// Server is a listening socket with its pages.
type Server struct {
	listener net.Listener
	server   *http.Server
	log      *zap.Logger
}

// Listen binds the address immediately, so that a port conflict is an error at start.
// Connections wait until Run.
func Listen(ctx context.Context, c Config, log *zap.Logger) (*Server, error) {
	if c.CheckTimeout == 0 {
		c.CheckTimeout = DefaultCheckTimeout
	}
	var socket net.ListenConfig
	listener, err := socket.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("%s is in use: stop the other process, or set http.listen to another address: %w", c.Listen, syscall.EADDRINUSE)
		}
		return nil, fmt.Errorf("listen for http (check http.listen): %w", err)
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

// Addr is the address with the actual port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then waits a limited time for active requests. It returns
// nil after a clean shutdown. It must be called once.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("http server listening", zap.Stringer("address", s.Addr()))
	failed := make(chan error, 1) // not closed: one value, one reader
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
		err = s.server.Close() // the timeout is over: close the connections
	}
	if serveErr := <-failed; !errors.Is(serveErr, http.ErrServerClosed) {
		err = errors.Join(err, serveErr)
	}
	if err != nil {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}

// Close releases the address when Run was never called. After Run it has no effect.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close http: %w", err)
	}
	return nil
}
