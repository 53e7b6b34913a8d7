package main

import (
	"errors"
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

// onTerminal is everything that write puts on a terminal.
func onTerminal(t *testing.T, columns uint16, write func(terminal *os.File)) string {
	t.Helper()
	terminal, other := pty(t, columns)
	var (
		text []byte
		err  error
		read = make(chan struct{})
	)
	go func() {
		defer close(read)
		text, err = io.ReadAll(other)
	}()
	write(terminal)
	_ = terminal.Close() // ends the reads, with EIO after the last byte
	<-read
	if !errors.Is(err, unix.EIO) {
		t.Fatal(err)
	}
	return string(text)
}

// TestTerminal_LogsAndTables runs the program on a terminal and without one.
func TestTerminal_LogsAndTables(t *testing.T) {
	const columns = 60
	away := []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}
	read := func(environment []string, args ...string) string {
		return onTerminal(t, columns, func(terminal *os.File) {
			run(t.Context(), args, strings.NewReader(""), terminal, terminal, environment)
		})
	}
	shown := read(nil, "dlq", "show", "--help")
	_, settings, found := strings.Cut(shown, "Settings")
	if !found {
		t.Errorf("help is %q", shown)
	}
	for line := range strings.Lines(settings) {
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
	logTo := func(stderr io.Writer) {
		a := &app{stderr: stderr, now: time.Now, environment: []string{"NO_COLOR=1"}}
		a.progress = a.newProgressLine()
		log, err := a.logger(config.Log{Level: "info", Format: "auto"})
		if err != nil {
			t.Fatal(err)
		}
		log.Info("started", zap.Int("n", 1))
	}
	var piped strings.Builder
	logTo(&piped)
	if !strings.HasPrefix(piped.String(), `{"level":"info",`) {
		t.Errorf("a pipe gets %q", piped.String())
	}
	if got := onTerminal(t, 80, func(terminal *os.File) { logTo(terminal) }); !strings.HasSuffix(got, "\tINFO\tstarted\t{\"n\": 1}\r\n") {
		t.Errorf("a terminal gets %q", got)
	}
}
