package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/sandbox/clickhouse/library"
	"github.com/pianola/pianola/internal/sandbox/filelock"
	"github.com/pianola/pianola/internal/sandbox/suspend"
	"github.com/pianola/pianola/internal/wait"
)

// Server is a ClickHouse server with its data directory, through any number of
// runs on the same addresses. Its methods are safe for concurrent use.
type Server struct {
	config      Config
	logger      *zap.Logger
	native, web string // addresses

	mu      sync.Mutex
	process *process // the last run
	lock    *os.File // of the data directory; nil once closed
}

// ErrClosed says that the server was closed.
var ErrClosed = errors.New("the ClickHouse server is closed")

// Start starts a server and returns when it answers. The context bounds the start,
// including a first fetch of the library, and nothing after it.
func Start(ctx context.Context, c Config) (*Server, error) {
	s, err := start(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("start ClickHouse: %w", err)
	}
	return s, nil
}

func start(ctx context.Context, c Config) (*Server, error) {
	if !canServe.Load() {
		return nil, errors.New("this program does not call clickhouse.ServeIfChild first in main or TestMain")
	}
	c, err := c.normalised()
	if err != nil {
		return nil, err
	}
	if c.Library == "" {
		if c.Library, err = library.Locate(ctx, c.Progress); err != nil {
			return nil, err
		}
	}
	s := &Server{config: c, logger: c.Logger.Named("clickhouse"), native: c.NativeAddr, web: c.HTTPAddr}
	if err := os.MkdirAll(c.DataDir, 0o755); err != nil {
		return nil, fmt.Errorf("make the data directory: %w", err)
	}
	if s.lock, err = lockDirectory(ctx, c.DataDir); err != nil {
		return nil, err
	}
	if err := s.run(ctx); err != nil {
		_ = s.lock.Close()
		return nil, err
	}
	return s, nil
}

// run starts the process. The first run fixes the ports for those that follow.
func (s *Server) run(ctx context.Context) error {
	host, err := loopbackHost(s.native)
	if err != nil {
		return err
	}
	o := childOptions{Library: s.config.Library, Data: filepath.Join(s.config.DataDir, "data"), Config: filepath.Join(s.config.DataDir, "config.xml"), Host: host}
	if o.TCP, err = freePort(ctx, s.native); err != nil {
		return err
	}
	if o.HTTP, err = freePort(ctx, s.web); err != nil {
		return err
	}
	if err := s.writeFiles(o); err != nil {
		return err
	}
	p, tcp, http, err := startProcess(ctx, s.config.Through, o, filepath.Join(s.config.DataDir, "log"), s.lock)
	if err != nil {
		return err
	}
	s.process = p
	s.native, s.web = net.JoinHostPort(host, strconv.Itoa(tcp)), net.JoinHostPort(host, strconv.Itoa(http))
	s.logger.Info("ClickHouse listens", zap.String("native", s.native), zap.String("http", s.web), zap.Int("pid", p.command.Process.Pid))
	return nil
}

func (s *Server) writeFiles(o childOptions) error {
	users := filepath.Join(s.config.DataDir, "users.xml")
	usersText, err := s.config.Access.render()
	if err != nil {
		return fmt.Errorf("render users.xml: %w", err)
	}
	configText, err := s.config.Settings.render(users)
	if err != nil {
		return fmt.Errorf("render config.xml: %w", err)
	}
	return errors.Join(
		// The tables of the logs cannot be opened a second time (code 57).
		os.RemoveAll(filepath.Join(o.Data, "data", "system")),
		os.MkdirAll(o.Data, 0o755),
		os.WriteFile(users, usersText, 0o600),
		os.WriteFile(o.Config, configText, 0o600),
	)
}

// NativeAddr is the address of the native protocol.
func (s *Server) NativeAddr() string { return s.native }

// HTTPAddr is the address of the HTTP interface.
func (s *Server) HTTPAddr() string { return s.web }

// Close ends the server in order, or kills it when it does not end within half a
// second. What it has acknowledged is on disk. Closing twice is harmless.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return nil
	}
	_ = s.process.signal(syscall.SIGCONT) // a paused server cannot end; an error means that it has ended
	s.process.end()
	lock := s.lock
	s.lock = nil
	return lock.Close()
}

// Kill ends the server like a crash, by SIGKILL, and waits until it is gone.
// Restart starts it again.
func (s *Server) Kill() error {
	return s.do("kill", func(p *process) error { p.kill(); return nil })
}

// Stop ends the server in order. Restart starts it again.
func (s *Server) Stop() error {
	return s.do("stop", func(p *process) error { p.end(); return nil })
}

// Pause makes the server hang, by SIGSTOP: its sockets stay open and take what
// fits into the system's buffers, and nothing is answered until Resume.
func (s *Server) Pause() error {
	return s.do("pause", func(p *process) error { return p.whileRunning(suspend.Child) })
}

// Resume lets a paused server continue.
func (s *Server) Resume() error {
	return s.do("resume", func(p *process) error { return p.signal(syscall.SIGCONT) })
}

func (s *Server) do(what string, f func(*process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return ErrClosed
	}
	if err := f(s.process); err != nil {
		return fmt.Errorf("%s ClickHouse: %w", what, err)
	}
	return nil
}

// Restart starts the server again on its addresses and data, after ending it in
// order where it still runs. It takes about a tenth of a second.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock == nil {
		return ErrClosed
	}
	s.process.end()
	if err := s.run(ctx); err != nil {
		return fmt.Errorf("restart ClickHouse: %w", err)
	}
	return nil
}

// RestartWith is Restart with other users and settings.
func (s *Server) RestartWith(ctx context.Context, a Access, settings Settings) error {
	if err := a.validate(); err != nil {
		return fmt.Errorf("restart ClickHouse: %w", err)
	}
	s.mu.Lock()
	s.config.Access, s.config.Settings = a, settings
	s.mu.Unlock()
	return s.Restart(ctx)
}

// Ended is closed when the present run has ended, for any reason.
func (s *Server) Ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.ended
}

// LastLines is the end of the server's log, for messages about a server that has
// ended by itself.
func (s *Server) LastLines() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.lastLines()
}

// PID is the process id of the present run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.process.command.Process.Pid
}

// maxPredecessor is how long a start waits for the end of a server that was
// killed together with its parent.
const maxPredecessor = 3 * time.Second

// lockDirectory takes the lock of a data directory.
func lockDirectory(ctx context.Context, dir string) (*os.File, error) {
	ctx, cancel := context.WithTimeout(ctx, maxPredecessor)
	defer cancel()
	lock, err := filelock.Await(ctx, filepath.Join(dir, "lock"), func() {})
	if err != nil {
		return nil, fmt.Errorf("%w; another server uses the directory", err)
	}
	return lock, nil
}

// freePort is the port of an address, which is free. The server itself would
// report a taken port in its log only.
func freePort(ctx context.Context, addr string) (int, error) {
	_, text, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(text)
	if err != nil || port < 0 || port > 65535 {
		return 0, fmt.Errorf("address %q: the port is not a number from 0 to 65535", addr)
	}
	if port == 0 {
		return 0, nil
	}
	for until := time.Now().Add(maxPredecessor); ; {
		l, err := net.Listen("tcp", addr)
		if err == nil {
			return port, l.Close()
		}
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(until) || wait.For(ctx, 20*time.Millisecond) != nil {
			return 0, err
		}
	}
}
