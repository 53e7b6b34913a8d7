package testbed

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pianola/pianola/internal/service"
)

// Service is a whole Pianola at work, in this process.
type Service struct {
	*Run
	Addr     string // of its pages
	Registry *prometheus.Registry
}

// Serve starts a service with the fixture's settings as they are now.
func (s *Fixture) Serve() *Service {
	s.Helper()
	registry := prometheus.NewRegistry()
	one, err := service.New(s.Context(), s.Settings, service.Options{Log: Log(), Registry: registry, Now: time.Now})
	s.Must(err)
	run := Go(s.TB, func(ctx context.Context) error {
		defer one.Close()
		return one.Run(ctx)
	})
	return &Service{Run: run, Addr: one.Addr(), Registry: registry}
}

// Ingest has a service consume until everything is committed, and drains it.
func (s *Fixture) Ingest() {
	s.Helper()
	one := s.Serve()
	s.AwaitCommitted(one.Run)
	one.Drain()
}

// Metric sums a counter or a gauge over its labels.
func (s *Service) Metric(name string) float64 {
	s.t.Helper()
	return Metric(s.t, s.Registry, name)
}
