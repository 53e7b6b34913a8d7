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

	"github.com/pianola/pianola/internal/sandbox/pianoapi/wire"
)

// Server is a running simulated Piano. Its faults can change while it runs.
type Server struct {
	cfg     Config
	store   Store
	faults  *faultInjector
	jobs    jobs
	changes changes

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
// work. If it is a Desk, its own endpoints exist, too.
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
	all := []wire.Endpoint{
		wire.Get("/publisher/subscription/list", s.list),
		wire.Get("/publisher/subscription/get", s.get),
		wire.Changing(http.MethodPost, "/publisher/subscription/update", s.withActor(s.update)),
		wire.Changing(http.MethodPost, "/publisher/subscription/cancel", s.withActor(s.cancel)),
		wire.Changing(http.MethodPost, "/publisher/subscription/cancel/deferred", s.withActor(s.cancelDeferred)),
		wire.Changing(http.MethodPost, "/publisher/subscription/resume", s.withActor(s.resume)),
		wire.Post("/publisher/term/change/can", s.withActor(s.canChange)),
		wire.Changing(http.MethodPost, "/publisher/term/change/do", s.withActor(s.change)),
		wire.Changing(http.MethodPost, "/publisher/term/change/cancel", s.withActor(s.cancelChange)),
		wire.Post("/publisher/term/change/getSubscriptionUpgradeStatus", s.withActor(s.changeStatus)),
	}
	if more, ok := s.store.(Desk); ok {
		all = append(all, more.Endpoints()...)
	}
	for _, e := range all {
		mux.Handle(publisherPath+e.Path, s.endpoint(e))
	}
	for _, e := range []wire.Endpoint{
		wire.Post("/export/schedule/vx/subscriptionLog", s.schedule),
		wire.Get("/export/status", s.exportStatus),
		wire.Get("/export/download/url", s.downloadURL),
	} {
		mux.Handle(reportsPath+e.Path, s.endpoint(e))
	}
	mux.HandleFunc(filesPath, s.file)
	return mux
}

// endpoint runs the checks of every request, and injects faults.
func (s *Server) endpoint(e wire.Endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if token := r.Header.Get("api_token"); token == "" {
			http.Error(w, "Unauthorized", http.StatusUnauthorized)
			return
		} else if subtle.ConstantTimeCompare([]byte(token), []byte(s.cfg.Token)) == 0 {
			http.Error(w, "Forbidden", http.StatusForbidden)
			return
		}
		if r.Method != e.Method {
			http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
			return
		}
		if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); e.Method == http.MethodPost && kind != "application/x-www-form-urlencoded" {
			http.Error(w, "Unsupported Media Type", http.StatusUnsupportedMediaType)
			return
		}
		if err := r.ParseForm(); err != nil {
			s.write(w, wire.Failed(wire.CodeInvalid, "The parameters cannot be read"))
			return
		}
		if e.Method == http.MethodPost {
			r.Form = r.PostForm // ignore parameters in the URL
		}
		if aid := r.Form.Get("aid"); aid != s.cfg.AID && (aid != "" || !e.WithoutAID) {
			s.write(w, wire.Failed(wire.CodeInvalidAID, "Invalid AID"))
			return
		}
		s.faults.answer(w, r, e.Path, func(w http.ResponseWriter) {
			if e.Path == "/publisher/subscription/list" {
				s.shiftRows()
			}
			a := e.Respond(r)
			if e.Changes && a.Done() {
				s.changes.add(Effect{Endpoint: e.Path, Params: r.Form})
			}
			s.write(w, a)
		})
	})
}

func (s *Server) write(w http.ResponseWriter, a wire.Answer) { a.Write(w, s.cfg.Now()) }
