package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/pianola/pianola/internal/config"
)

// pty opens a pseudo terminal: what the program writes to the terminal can be read
// from the other end.
func pty(t *testing.T, columns uint16) (terminal, other *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err) // the ClickHouse server of the tests needs pseudo-terminals too
	}
	t.Cleanup(func() { other.Close() })
	if err := unix.IoctlSetPointerInt(int(other.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(other.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(other.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: columns}); err != nil {
		t.Fatal(err)
	}
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return terminal, other
}

// TestTerminal_LogsAndTables runs the program on a terminal and without one.
func TestTerminal_LogsAndTables(t *testing.T) {
	const columns = 60
	away := []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}
	// read runs a command whose output fits the buffer of a terminal.
	read := func(environment []string, args ...string) string {
		terminal, other := pty(t, columns)
		run(t.Context(), args, strings.NewReader(""), terminal, terminal, environment)
		buffer := make([]byte, 1<<16)
		n, err := other.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	shown := read(nil, "dlq", "show", "--help")
	for line := range strings.Lines(shown[strings.Index(shown, "Settings"):]) {
		if len(strings.TrimRight(line, "\r\n")) > columns && strings.HasPrefix(line, "  ") {
			t.Errorf("help is wider than the terminal: %q", line)
		}
	}
	for name, c := range map[string]struct {
		environment []string
		red         bool
	}{
		"colour":   {nil, true},
		"no_color": {[]string{"NO_COLOR=1"}, false},
		"dumb":     {[]string{"TERM=dumb"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			environment := append(append([]string{"PIANOLA_KAFKA_DIAL_TIMEOUT=100ms", "PIANOLA_KAFKA_REQUEST_TIMEOUT=100ms"}, away...), c.environment...)
			if got := read(environment, "config", "validate", "--connect"); strings.Contains(got, "\x1b[31mFAILED\x1b[0m") != c.red || !strings.Contains(got, "FAILED") {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestLogger_FormatAuto(t *testing.T) {
	terminal, other := pty(t, 80)
	var piped strings.Builder
	for _, stderr := range []io.Writer{terminal, &piped} {
		a := &app{stderr: stderr, now: time.Now, environment: []string{"NO_COLOR=1"}}
		a.progress = a.newProgressLine()
		log, err := a.logger(config.Log{Level: "info", Format: "auto"})
		if err != nil {
			t.Fatal(err)
		}
		log.Info("started", zap.Int("n", 1))
	}
	if !strings.HasPrefix(piped.String(), `{"level":"info",`) {
		t.Errorf("a pipe gets %q", piped.String())
	}
	buffer := make([]byte, 1024)
	n, err := other.Read(buffer)
	if got := string(buffer[:n]); err != nil || !strings.HasSuffix(got, "\tINFO\tstarted\t{\"n\": 1}\r\n") {
		t.Errorf("a terminal gets %q, %v", got, err)
	}
}
