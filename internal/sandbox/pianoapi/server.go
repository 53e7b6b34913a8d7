package pianoapi

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"sync"
	"time"
)

// Server is a running simulated Piano. Its faults can change while it runs.
type Server struct {
	cfg    Config
	store  Store
	faults *faultInjector
	jobs   jobs

	listener net.Listener
	http     *http.Server
	serving  sync.WaitGroup
}

// The paths of the two APIs.
const (
	publisherPath = "/api/v3"
	reportsPath   = "/rest"
	filesPath     = "/files/"
)

// Start serves the store until Close. If the store is an Actor, the action endpoints
// work.
func Start(cfg Config, store Store) (*Server, error) {
	cfg = cfg.withDefaults()
	l, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the simulated Piano: %w", err)
	}
	s := &Server{cfg: cfg, store: store, listener: l, faults: newFaultInjector(cfg.Faults)}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.serving.Go(func() { _ = s.http.Serve(l) }) // until Close
	return s, nil
}

// Addr returns the address of the listener.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// BaseURL returns the URL of the Publisher API, for piano.base_url.
func (s *Server) BaseURL() string { return "http://" + s.Addr() + publisherPath }

// ReportsURL returns the URL of the reports API, for piano.reports_url.
func (s *Server) ReportsURL() string { return "http://" + s.Addr() + reportsPath }

// AID returns the application id, for piano.aid.
func (s *Server) AID() string { return s.cfg.AID }

// Token returns the API token, for piano.api_token.
func (s *Server) Token() string { return s.cfg.Token }

// Close stops the server within a second, even if answers are delayed.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	s.serving.Wait()
	return err
}

// routes returns the endpoints behind the common checks.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	for endpoint, h := range map[string]struct {
		method string
		answer func(*http.Request) answer
	}{
		"/publisher/subscription/list":                        {http.MethodGet, s.list},
		"/publisher/subscription/get":                         {http.MethodGet, s.get},
		"/publisher/subscription/update":                      {http.MethodPost, s.withActor(s.update)},
		"/publisher/subscription/cancel":                      {http.MethodPost, s.withActor(s.cancel)},
		"/publisher/subscription/cancel/deferred":             {http.MethodPost, s.withActor(s.cancelDeferred)},
		"/publisher/subscription/resume":                      {http.MethodPost, s.withActor(s.resume)},
		"/publisher/term/change/can":                          {http.MethodPost, s.withActor(s.canChange)},
		"/publisher/term/change/do":                           {http.MethodPost, s.withActor(s.change)},
		"/publisher/term/change/cancel":                       {http.MethodPost, s.withActor(s.cancelChange)},
		"/publisher/term/change/getSubscriptionUpgradeStatus": {http.MethodPost, s.withActor(s.changeStatus)},
	} {
		mux.Handle(publisherPath+endpoint, s.endpoint(endpoint, h.method, h.answer))
	}
	mux.Handle(reportsPath+"/export/schedule/vx/subscriptionLog", s.endpoint("/export/schedule/vx/subscriptionLog", http.MethodPost, s.schedule))
	mux.Handle(reportsPath+"/export/status", s.endpoint("/export/status", http.MethodGet, s.exportStatus))
	mux.Handle(reportsPath+"/export/download/url", s.endpoint("/export/download/url", http.MethodGet, s.downloadURL))
	mux.HandleFunc(filesPath, s.file)
	return mux
}

// endpoint runs the checks of every request, and injects faults.
func (s *Server) endpoint(name, method string, respond func(*http.Request) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("api_token"); token == "" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		} else if subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.Token)) == 0 {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		if r.Method != method {
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); method == http.MethodPost && kind != "application/x-www-form-urlencoded" {
			http.Error(w, "Unsupported Media Type", http.StatusUnsupportedMediaType)
			return
		}
		if err := r.ParseForm(); err != nil {
			s.write(w, failed(codeInvalid, "The parameters cannot be read"))
			return
		}
		if method == http.MethodPost {
			r.Form = r.PostForm // ignore parameters in the URL
		}
		if r.Form.Get("aid") != s.cfg.AID {
			s.write(w, failed(codeInvalidAID, "Invalid AID"))
			return
		}
		s.faults.answer(w, r, name, func(w http.ResponseWriter) {
			if name == "/publisher/subscription/list" {
				s.shiftRows()
			}
			s.write(w, respond(r))
		})
	})
}
