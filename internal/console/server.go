package console

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"github.com/pianola/pianola/internal/console/assets"
	"github.com/pianola/pianola/internal/console/auth"
	"github.com/pianola/pianola/internal/console/figures"
	"github.com/pianola/pianola/internal/console/page"
	"github.com/pianola/pianola/internal/console/role"
	"github.com/pianola/pianola/internal/httpd"
)

// Deps are the parts that the console uses.
type Deps struct {
	Figures  *figures.Reader
	Auth     auth.Authenticator
	Sections []page.Section
	Now      func() time.Time
	Log      *zap.Logger
}

// Server is a listening socket with its pages.
type Server struct {
	config   Config
	auth     auth.Authenticator
	log      *zap.Logger
	hosts    []string
	limiters *lru.Cache[string, *rate.Limiter] // by address of the client
	listener net.Listener
	server   *http.Server
}

// Listen binds the address, so that a conflict is an error at start, and makes the pages.
// Connections wait until Run.
func Listen(ctx context.Context, c Config, d Deps) (*Server, error) {
	if _, open := d.Auth.(auth.None); open && !c.Loopback() {
		return nil, errors.New("without a login the console listens on a loopback address only: set console.auth, or console.listen to 127.0.0.1")
	}
	limiters, err := lru.New[string, *rate.Limiter](maxClients)
	if err != nil {
		return nil, err
	}
	s := &Server{config: c, auth: d.Auth, log: d.Log, limiters: limiters}
	handler, err := s.handler(d)
	if err != nil {
		return nil, err
	}
	if s.listener, err = httpd.Bind(ctx, c.Listen, "console.listen"); err != nil {
		return nil, err
	}
	if s.hosts, err = c.hosts(s.listener.Addr()); err != nil {
		return nil, errors.Join(err, s.listener.Close())
	}
	s.server = &http.Server{
		Handler:           s.protect(handler),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          zap.NewStdLog(d.Log.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))), // its texts name addresses of visitors
	}
	return s, nil
}

// handler puts all pages behind their addresses.
func (s *Server) handler(d Deps) (http.Handler, error) {
	set, err := assets.Load()
	if err != nil {
		return nil, err
	}
	routes := d.Auth.Routes()
	renderer, err := page.NewRenderer(d.Figures, d.Now, d.Log, set, d.Sections, routes["POST /logout"] != nil)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /assets/", set)
	for pattern, handle := range routes {
		mux.HandleFunc(pattern, handle)
	}
	for _, section := range d.Sections {
		for _, one := range section.Pages {
			mux.HandleFunc(one.Pattern, s.authorize(renderer, one.Role, one.Handle(renderer)))
		}
	}
	mux.HandleFunc("/", s.authorize(renderer, role.Viewer, func(w http.ResponseWriter, r *http.Request) {
		renderer.Fail(w, r, http.StatusNotFound, "There is no such page.")
	}))
	return mux, nil
}

// Addr is the address with the actual port.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx ends, then waits a limited time for active requests. It must be
// called once.
func (s *Server) Run(ctx context.Context) error {
	s.log.Info("console listening", zap.Stringer("address", s.Addr()), zap.Bool("tls", s.config.CertFile != ""))
	return httpd.Serve(ctx, s.server, func() error {
		if s.config.CertFile != "" {
			return s.server.ServeTLS(s.listener, s.config.CertFile, s.config.KeyFile)
		}
		return s.server.Serve(s.listener)
	})
}

// Close releases the address when Run was never called.
func (s *Server) Close() error {
	return httpd.Release(s.listener)
}
