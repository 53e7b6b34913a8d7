package httpd

import (
	"context"
	"net"
	"net/http"
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
	listener, err := Bind(ctx, c.Listen, "http.listen")
	if err != nil {
		return nil, err
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
	return Serve(ctx, s.server, func() error { return s.server.Serve(s.listener) })
}

// Close releases the address when Run was never called. After Run it has no effect.
func (s *Server) Close() error {
	return Release(s.listener)
}
