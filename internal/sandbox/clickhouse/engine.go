package clickhouse

import (
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// childVariable holds the options of a child, as JSON.
const childVariable = "PIANOLA_SANDBOX_CLICKHOUSE_CHILD"

// childOptions are what a child gets from its parent.
type childOptions struct {
	Library string // path of libchdb.so
	Data    string // data directory
	Config  string // path of config.xml
	Host    string
	TCP     int // 0: a free port
	HTTP    int
}

// File descriptors that a child inherits.
const (
	readyDescriptor = 3 // gets "TCP<tab>HTTP<newline>" when the server listens
	lockDescriptor  = 4 // keeps the lock of the data directory
)

// canServe says that this program calls ServeIfChild.
var canServe atomic.Bool

// ServeIfChild turns this process into the server, if Start has started it for
// that, and never returns then. Every program and test binary that calls Start
// calls it first, in main or TestMain: without it Start refuses to run, because
// the child would do the program's own work instead.
func ServeIfChild() {
	text, child := os.LookupEnv(childVariable)
	if !child {
		canServe.Store(true)
		return
	}
	var o childOptions
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = serve(o)
	}
	fmt.Fprintf(os.Stderr, "clickhouse child: %v\n", err)
	os.Exit(1)
}

// serve runs "clickhouse local", which listens with ClickHouse's own TCP and HTTP
// servers and stays at its prompt until its terminal closes. Without a terminal
// as standard input it would exit when a client resets a connection.
func serve(o childOptions) error {
	runtime.LockOSThread()
	handle, err := purego.Dlopen(o.Library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return fmt.Errorf("load %s: %w", o.Library, err)
	}
	var setSignalHandlers func(enabled int32)
	var commandLine func(argc int32, argv unsafe.Pointer) unsafe.Pointer
	for name, function := range map[string]any{"chdb_set_signal_handlers_enabled": &setSignalHandlers, "chdb_query_cmdline": &commandLine} {
		address, err := purego.Dlsym(handle, name)
		if err != nil {
			return fmt.Errorf("find %s in %s: %w", name, o.Library, err)
		}
		purego.RegisterFunc(function, address)
	}
	setSignalHandlers(0)
	// The call above resets handlers to their defaults, which for a write to a
	// closed connection is to end the process.
	signal.Ignore(syscall.SIGPIPE)

	args := []string{"clickhouse", "--path=" + o.Data, "--config-file=" + o.Config, "--interactive",
		"--listen_host", o.Host, "--tcp_port", strconv.Itoa(o.TCP), "--http_port", strconv.Itoa(o.HTTP),
		"--query", "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; " +
			"SELECT getServerPort('tcp_port'), getServerPort('http_port') " +
			"INTO OUTFILE '/proc/self/fd/" + strconv.Itoa(readyDescriptor) + "' TRUNCATE FORMAT TSV"}
	argv := make([]unsafe.Pointer, len(args)+1)
	var pin runtime.Pinner
	defer pin.Unpin()
	for i, arg := range args {
		text := append([]byte(arg), 0)
		pin.Pin(&text[0])
		argv[i] = unsafe.Pointer(&text[0])
	}
	pin.Pin(&argv[0])
	commandLine(int32(len(args)), unsafe.Pointer(&argv[0]))
	os.Exit(0) // other threads of the library are alive: its destructors must not run
	return nil
}
