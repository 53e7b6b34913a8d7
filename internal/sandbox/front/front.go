package front

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

// FrontConfig says where a front listens and whom it lets in.
type FrontConfig struct {
	NativeAddr string      // host:port of the native protocol; port 0 chooses one; loopback only
	HTTPAddr   string      // the same for HTTP
	TLS        *tls.Config // both are encrypted with it; nil: neither is
	Login      Login
}

// Login is the one user of a front, whose name is "default" where it is empty. An
// empty password is the empty password, and no other.
type Login struct {
	User, Password string
	// CommonName makes it a user who logs in with a certificate instead: one of
	// that name, which TLS.ClientCAs have signed, and no password.
	CommonName string
}

// Front is a pair of listeners before the engine. Its methods are safe for
// concurrent use.
type Front struct {
	server *Server
	native net.Listener
	http   net.Listener
	web    *http.Server
	work   sync.WaitGroup

	mu     sync.Mutex
	login  Login
	conns  map[net.Conn]struct{} // of the native protocol
	closed bool
}

// Open adds a front to those that the server has. It closes with the server, or
// before.
func (s *Server) Open(ctx context.Context, c FrontConfig) (*Front, error) {
	if err := c.validate(); err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	f, err := s.listen(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		f.closeListeners()
		return nil, errors.New("embedded ClickHouse: it is closed")
	}
	s.fronts = append(s.fronts, f)
	f.serve()
	return f, nil
}

func (c FrontConfig) validate() error {
	var problems []error
	for _, a := range []struct{ name, addr string }{{"native", c.NativeAddr}, {"http", c.HTTPAddr}} {
		if err := loopback(a.addr); err != nil {
			problems = append(problems, fmt.Errorf("%s address: %w", a.name, err))
		}
	}
	return errors.Join(problems...)
}

// listen takes the addresses and does not serve yet.
func (s *Server) listen(ctx context.Context, c FrontConfig) (*Front, error) {
	f := &Front{server: s, conns: make(map[net.Conn]struct{}), login: c.Login}
	var listen net.ListenConfig
	var err error
	if f.native, err = listen.Listen(ctx, "tcp", c.NativeAddr); err != nil {
		return nil, fmt.Errorf("listen for the native protocol: %w", err)
	}
	if f.http, err = listen.Listen(ctx, "tcp", c.HTTPAddr); err != nil {
		_ = f.native.Close()
		return nil, fmt.Errorf("listen for HTTP: %w", err)
	}
	if c.TLS != nil {
		f.native, f.http = tls.NewListener(f.native, c.TLS), tls.NewListener(f.http, c.TLS)
	}
	return f, nil
}

func (f *Front) serve() {
	s := f.server
	f.web = &http.Server{
		Handler:           f.httpHandler(),
		ReadHeaderTimeout: 10 * time.Second,
		BaseContext:       func(net.Listener) context.Context { return s.quit },
		ErrorLog:          zap.NewStdLog(s.logger.WithOptions(zap.IncreaseLevel(zap.ErrorLevel))),
	}
	f.work.Go(func() {
		if err := f.web.Serve(f.http); err != nil && !errors.Is(err, http.ErrServerClosed) {
			s.logger.Error("HTTP listener ended", zap.Error(err))
		}
	})
	f.work.Go(f.acceptNative)
}

// NativeAddr is the address that clients of the native protocol dial.
func (f *Front) NativeAddr() string { return f.native.Addr().String() }

// HTTPAddr is the address that HTTP clients dial.
func (f *Front) HTTPAddr() string { return f.http.Addr().String() }

// SetLogin lets another user in from now on. Native connections that stand are
// kept, as ClickHouse keeps them.
func (f *Front) SetLogin(login Login) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.login = login
}

// admits tells whether a login is the front's. state is that of the connection's
// TLS, nil without.
func (f *Front) admits(user, password string, state *tls.ConnectionState) bool {
	f.mu.Lock()
	want := f.login
	f.mu.Unlock()
	if user == "" {
		user = defaultUser
	}
	if want.User == "" {
		want.User = defaultUser
	}
	sameUser := subtle.ConstantTimeCompare([]byte(user), []byte(want.User))
	if want.CommonName != "" {
		return sameUser == 1 && password == "" && state != nil && len(state.VerifiedChains) > 0 &&
			state.PeerCertificates[0].Subject.CommonName == want.CommonName
	}
	samePassword := subtle.ConstantTimeCompare([]byte(password), []byte(want.Password))
	return sameUser&samePassword == 1
}

const defaultUser = "default"

func (f *Front) closeListeners() {
	_ = f.native.Close()
	_ = f.http.Close()
}

// Close closes the listeners and every connection, which ends their statements,
// and waits for its goroutines. The engine goes on. Closing twice is harmless.
func (f *Front) Close() error {
	s := f.server
	s.mu.Lock()
	s.fronts = slices.DeleteFunc(slices.Clone(s.fronts), func(one *Front) bool { return one == f })
	s.mu.Unlock()
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil
	}
	f.closed = true
	for conn := range f.conns {
		_ = conn.Close()
	}
	f.mu.Unlock()
	err := errors.Join(f.native.Close(), f.web.Close())
	f.work.Wait()
	return err
}

// begin counts a request among the front's work, unless it is closing.
func (f *Front) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.work.Add(1)
	return true
}
