package trial

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/trial/smalldisk"
)

// clickHouseProcess is the embedded ClickHouse in a process of its own, which may
// be ended in any way and started again on the same ports and data. Its methods
// are for one goroutine; only the addresses may be read by others.
type clickHouseProcess struct {
	binary, dir  string
	native, http string          // addresses, the same for every start
	disk         *smalldisk.Disk // that the data are on; nil for the machine's own
	enter        []string        // a command that the server is started through; may be empty

	command *exec.Cmd
	journal *journal
	ended   chan struct{} // closed once the process is gone
}

// serverStart starts a server with its data below dir.
type serverStart func(ctx context.Context, s *Stage, dir string) (*clickHouseProcess, error)

// ownClickHouse starts a server on free ports and an empty directory.
func ownClickHouse(ctx context.Context, s *Stage, dir string) (*clickHouseProcess, error) {
	c := &clickHouseProcess{dir: filepath.Join(dir, "data")}
	return c, c.first(ctx, s)
}

// first takes two ports and starts the server.
func (c *clickHouseProcess) first(ctx context.Context, s *Stage) (err error) {
	if c.binary, err = s.buildSandbox(ctx); err != nil {
		return err
	}
	if c.native, err = loopback.FreeAddr(); err != nil {
		return err
	}
	if c.http, err = loopback.FreeAddr(); err != nil {
		return err
	}
	return c.start(ctx)
}

// buildSandbox builds the server's binary for the first trial that wants it.
func (s *Stage) buildSandbox(ctx context.Context) (string, error) {
	if s.sandbox != "" {
		return s.sandbox, nil
	}
	binary := filepath.Join(s.dir, "sandbox")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "github.com/pianola/pianola/cmd/sandbox")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build sandbox: %w: %s", err, out)
	}
	s.sandbox = binary
	return binary, nil
}

// start starts the server and returns when it answers. While it was down somebody
// else's connection may have been given its port: that passes, and is waited for.
func (c *clickHouseProcess) start(ctx context.Context) error {
	const again = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := c.startOnce(ctx)
		if err == nil || !strings.Contains(c.journal.tail(), syscall.EADDRINUSE.Error()) || !wait(ctx, again) {
			return err
		}
	}
}

func (c *clickHouseProcess) startOnce(ctx context.Context) error {
	args := append(append([]string{}, c.enter...), c.binary, "clickhouse", "--data", c.dir, "--native", c.native, "--http", c.http)
	c.command = exec.Command(args[0], args[1:]...)
	c.journal = &journal{generations: &generations{}}
	listens := &firstLine{seen: make(chan struct{})}
	c.command.Stdout, c.command.Stderr = listens, c.journal
	if err := c.command.Start(); err != nil {
		return fmt.Errorf("start ClickHouse: %w", err)
	}
	command, ended := c.command, make(chan struct{})
	c.ended = ended
	go func() {
		defer close(ended)
		_ = command.Wait() // how it ended is in its state
	}()
	select {
	case <-listens.seen:
		return nil
	case <-ended:
		return c.alive()
	case <-ctx.Done():
		c.kill()
		return fmt.Errorf("start ClickHouse: %w: its last lines:\n%s", ctx.Err(), c.journal.tail())
	}
}

// alive is nil, or an error that says how the server has ended.
func (c *clickHouseProcess) alive() error {
	select {
	case <-c.ended:
		return fmt.Errorf("ClickHouse: %w: %s: its last lines:\n%s", errEnded, c.command.ProcessState, c.journal.tail())
	default:
		return nil
	}
}

// kill is kill -9, of a server that hangs too, and waits until it is gone.
func (c *clickHouseProcess) kill() {
	_ = c.command.Process.Kill() // an error means that it has ended
	<-c.ended
}

// terminate ends the server in order, as its operator would.
func (c *clickHouseProcess) terminate(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainWithin)
	defer cancel()
	if err := c.command.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end ClickHouse: %w", errors.Join(err, c.alive()))
	}
	select {
	case <-c.ended:
	case <-ctx.Done():
		return fmt.Errorf("end ClickHouse: %w: its last lines:\n%s", ctx.Err(), c.journal.tail())
	}
	if !c.command.ProcessState.Success() {
		return c.alive()
	}
	return nil
}

// close ends the server and removes its data.
func (c *clickHouseProcess) close() {
	c.kill()
	if c.disk != nil {
		c.disk.Close()
	}
	_ = os.RemoveAll(c.dir) // what is left goes with the stage
}

// hang stops the server where it stands: its sockets stay open and take what fits
// into the system's buffers, and nothing is answered until goOn.
func (c *clickHouseProcess) hang() error { return c.signal(syscall.SIGSTOP) }

func (c *clickHouseProcess) goOn() error { return c.signal(syscall.SIGCONT) }

func (c *clickHouseProcess) signal(s syscall.Signal) error {
	if err := c.command.Process.Signal(s); err != nil {
		return fmt.Errorf("send ClickHouse %s: %w", s, errors.Join(err, c.alive()))
	}
	return nil
}

// firstLine sees the end of the first line that is written to it.
type firstLine struct {
	once sync.Once
	seen chan struct{}
}

func (f *firstLine) Write(b []byte) (int, error) {
	if bytes.IndexByte(b, '\n') >= 0 {
		f.once.Do(func() { close(f.seen) })
	}
	return len(b), nil
}

// asked asks ClickHouse, again and again where it is the round's own, which may be
// away just now.
func (r *round) asked(ctx context.Context, ask func() error) error {
	const again = 20 * time.Millisecond
	err := ask()
	for until := time.Now().Add(patience); err != nil && r.server != nil && time.Now().Before(until); err = ask() {
		if !wait(ctx, again) {
			return ctx.Err()
		}
	}
	return err
}
