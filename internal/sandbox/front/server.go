package front

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/clickhouse/library"
	"github.com/pianola/pianola/internal/sandbox/front/libchdb"
)

// Server is a running engine and the front of its Config; Open adds others.
type Server struct {
	config   Config
	logger   *zap.Logger
	engine   *libchdb.Engine
	identity identity

	front *Front // the one of the Config

	// quit is done when the server closes; every statement that runs is killed
	// then.
	quit     context.Context
	stop     context.CancelFunc
	work     sync.WaitGroup
	sessions *sessionMap

	mu       sync.Mutex
	fronts   []*Front   // that are open
	controls []*Control // replaced, never changed in place
	closed   bool
}

// identity is what the engine says of itself, for greetings and headers.
type identity struct {
	version             string // 26.7.2.1
	major, minor, patch int
	timezone, name      string
}

// Start opens the engine on the data directory and serves it until Close. The
// context bounds the start, a first fetch of the library included, and nothing
// after it. One engine runs in a process at a time: a second Start before Close is
// libchdb.ErrEngineRunning.
func Start(ctx context.Context, c Config) (*Server, error) {
	c, err := c.normalised()
	if err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	if c.Library == "" {
		if c.Library, err = library.Locate(ctx, c.Progress); err != nil {
			return nil, fmt.Errorf("embedded ClickHouse: %w", err)
		}
	}
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: make the data directory: %w", err)
	}
	s := &Server{
		config:   c,
		logger:   c.Logger.Named("clickhouse"),
		sessions: newSessionMap(),
	}
	// The listeners come first: an address in use is the likelier mistake, and
	// cheaper to find.
	if s.front, err = s.listen(ctx, c.front()); err != nil {
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	if s.engine, err = libchdb.Open(c.Library, c.DataDir, engineOptions()...); err != nil {
		s.front.closeListeners()
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	if err := s.identify(); err != nil {
		s.front.closeListeners()
		s.engine.Close()
		return nil, fmt.Errorf("embedded ClickHouse: %w", err)
	}
	s.quit, s.stop = context.WithCancel(context.Background())
	s.fronts = []*Front{s.front}
	s.front.serve()
	s.work.Go(func() { s.sessions.expire(s.quit) })
	s.logger.Info("embedded ClickHouse is up",
		zap.String("version", s.identity.version),
		zap.String("native", s.NativeAddr()), zap.String("http", s.HTTPAddr()))
	return s, nil
}

// engineOptions make the library behave as a server does.
func engineOptions() []string {
	options := make([]string, 0, len(baseSettings))
	for name, value := range baseSettings {
		options = append(options, "--"+name+"="+value)
	}
	return options
}

// identify asks the engine who it is.
func (s *Server) identify() error {
	conn, err := s.engine.Connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	text, err := conn.Text("SELECT version(), timezone(), displayName()")
	if err != nil {
		return fmt.Errorf("ask the engine's version: %w", err)
	}
	fields := strings.Split(strings.TrimSuffix(text, "\n"), "\t")
	if len(fields) != 3 {
		return errors.New("ask the engine's version: not three values")
	}
	s.identity = identity{version: fields[0], timezone: fields[1], name: fields[2]}
	// A version with fewer parts leaves the rest 0, which a greeting may say.
	_, _ = fmt.Sscanf(fields[0], "%d.%d.%d", &s.identity.major, &s.identity.minor, &s.identity.patch)
	return nil
}

// NativeAddr is the address that clients of the native protocol dial.
func (s *Server) NativeAddr() string { return s.front.NativeAddr() }

// HTTPAddr is the address that HTTP clients dial.
func (s *Server) HTTPAddr() string { return s.front.HTTPAddr() }

// Close kills what runs, closes every connection, waits for its goroutines and
// stops the engine. What was acknowledged is on disk. Closing twice is harmless.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.stop()
	fronts := s.fronts
	s.mu.Unlock()
	var err error
	for _, f := range fronts {
		err = errors.Join(err, f.Close())
	}
	s.work.Wait()
	s.sessions.closeAll()
	s.engine.Close()
	if err != nil {
		return fmt.Errorf("close embedded ClickHouse: %w", err)
	}
	return nil
}
