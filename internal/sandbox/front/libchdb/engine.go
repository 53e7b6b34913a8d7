package libchdb

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"unsafe"
)

var (
	// ErrEngineRunning says that this process has an engine already.
	ErrEngineRunning = errors.New("an engine is running in this process; close it before opening another")
	// ErrClosed says that the conn or the engine has been closed.
	ErrClosed = errors.New("closed")
)

// Engine is the running ClickHouse of this process. Its methods are safe for
// concurrent use.
type Engine struct {
	lib  *symbols
	args []string

	mu    sync.Mutex
	base  unsafe.Pointer // keeps the engine up while no other conn is open
	conns map[*Conn]struct{}
}

// One engine a process: the library keeps it in its own globals.
var running struct {
	sync.Mutex
	dir string
}

// Open starts the engine on dataDir with the library at path. The args are
// ClickHouse options (--max_memory_usage=…), given to every conn. An engine that
// is already running in this process is ErrEngineRunning; a directory in use by
// another process is refused by the library, which writes the reason to standard
// error.
func Open(path, dataDir string, args ...string) (*Engine, error) {
	lib, err := load(path)
	if err != nil {
		return nil, err
	}
	running.Lock()
	defer running.Unlock()
	if running.dir != "" {
		return nil, fmt.Errorf("open engine on %s: %w (it is on %s)", dataDir, ErrEngineRunning, running.dir)
	}
	e := &Engine{
		lib:   lib,
		args:  append([]string{"clickhouse", "--path=" + dataDir}, args...),
		conns: make(map[*Conn]struct{}),
	}
	if e.base, err = e.connect(); err != nil {
		return nil, fmt.Errorf("open engine on %s: %w; another process may be using the directory", dataDir, err)
	}
	running.dir = dataDir
	return e, nil
}

// connect opens a handle. The engine's own handlers stay off, but its start also
// touches others, so that they are kept here as well.
func (e *Engine) connect() (handle unsafe.Pointer, err error) {
	var pin runtime.Pinner
	defer pin.Unpin()
	argv := make([]unsafe.Pointer, len(e.args)+1)
	for i, arg := range e.args {
		text := append([]byte(arg), 0)
		pin.Pin(&text[0])
		argv[i] = unsafe.Pointer(&text[0])
	}
	pin.Pin(&argv[0])
	if e.base == nil {
		err = keepSignals(func() { handle = e.lib.connect(int32(len(e.args)), unsafe.Pointer(&argv[0])) })
	} else {
		handle = e.lib.connect(int32(len(e.args)), unsafe.Pointer(&argv[0]))
	}
	if err == nil && handle == nil {
		err = errors.New("the library refused (its reason is on standard error)")
	}
	return handle, err
}

// Connect opens a conn, which costs about a fifth of a millisecond.
func (e *Engine) Connect() (*Conn, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.base == nil {
		return nil, fmt.Errorf("connect to engine: %w", ErrClosed)
	}
	handle, err := e.connect()
	if err != nil {
		return nil, fmt.Errorf("connect to engine: %w", err)
	}
	c := &Conn{engine: e, lib: e.lib, handle: handle}
	e.conns[c] = struct{}{}
	return c, nil
}

// Close closes every conn that is still open, waiting for its statement, and
// stops the engine. Closing twice is harmless.
func (e *Engine) Close() {
	e.mu.Lock()
	open := make([]*Conn, 0, len(e.conns))
	for c := range e.conns {
		open = append(open, c)
	}
	e.mu.Unlock()
	for _, c := range open {
		c.Close()
	}
	running.Lock()
	defer running.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.base == nil {
		return
	}
	e.lib.close(e.base)
	e.base = nil
	running.dir = ""
}

// LibraryVersion is what the loaded library calls itself.
func (e *Engine) LibraryVersion() string { return e.lib.version() }
