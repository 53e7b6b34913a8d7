package checkoutpage

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// Server serves a page on a socket.
type Server struct {
	*Page
	listener net.Listener
	server   *http.Server
	ended    chan struct{}
}

// Start serves the page at an address; port 0 selects a free port.
func Start(ctx context.Context, addr string, cfg Config) (*Server, error) {
	p, err := New(cfg)
	if err != nil {
		return nil, err
	}
	var socket net.ListenConfig
	listener, err := socket.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	s := &Server{Page: p, listener: listener, ended: make(chan struct{}), server: &http.Server{
		Handler: p, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second, MaxHeaderBytes: 16 << 10,
	}}
	go func() {
		defer close(s.ended)
		_ = s.server.Serve(listener) // ends with Close
	}()
	return s, nil
}

// Addr is the address.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close ends the server.
func (s *Server) Close() error {
	err := s.server.Close()
	<-s.ended
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
