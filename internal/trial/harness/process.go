package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"syscall"
	"time"

	"github.com/pianola/pianola/internal/trial/usage"
)

// Process is a running `pianola run`.
type Process struct {
	Name  string
	Ended <-chan struct{} // closed once the process has ended

	command *exec.Cmd // nil for a service in this process
	journal *journal
	err     error // set before Ended is closed
}

// maxDrain bounds an orderly end.
const maxDrain = 30 * time.Second

func startProcess(binary, name string, environment []string, j *journal) (*Process, error) {
	ended := make(chan struct{})
	p := &Process{Name: name, Ended: ended, command: exec.Command(binary, "run"), journal: j}
	j.process = p
	p.command.Env = environment
	p.command.Stdout, p.command.Stderr = j, j
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start pianola: %w", err)
	}
	go func() {
		defer close(ended)
		p.err = p.command.Wait()
	}()
	return p, nil
}

var errEnded = errors.New("process ended")

// Alive is nil, or an error that says how the process ended by itself.
func (p *Process) Alive() error {
	select {
	case <-p.Ended:
		return fmt.Errorf("pianola (%s) ended by itself: %w: its last lines:\n%s", p.Name, errors.Join(errEnded, p.err), p.Tail())
	default:
		return nil
	}
}

// Status is the exit status of a process that has ended.
func (p *Process) Status() int { return p.command.ProcessState.ExitCode() }

// Watched is the process for package usage.
func (p *Process) Watched() usage.Process {
	return usage.Process{ID: p.command.Process.Pid, Ended: p.Ended, Pages: p.Pages}
}

// Kill is kill -9, and waits until the process is gone. It may have ended before.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.Ended
}

// Terminate asks for an orderly end and does not wait for it.
func (p *Process) Terminate() {
	_ = p.command.Process.Signal(syscall.SIGTERM) // an error means that it has ended
}

// Drain terminates the process and waits for its clean end.
func (p *Process) Drain(ctx context.Context) error {
	p.Terminate()
	return p.Drained(ctx)
}

// Drained waits for the end that Terminate has asked for, which has to be clean.
func (p *Process) Drained(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, maxDrain)
	defer cancel()
	select {
	case <-p.Ended:
		// A process that does not handle signals yet ends by the signal itself. It has
		// not begun to work, so nothing is to be drained.
		unborn := p.command.ProcessState.String() == "signal: terminated" && p.Tail() == ""
		if p.err != nil && !unborn {
			return fmt.Errorf("pianola (%s) did not drain: %w: its last lines:\n%s", p.Name, p.err, p.Tail())
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("pianola (%s) did not drain: %w: its last lines:\n%s", p.Name, ctx.Err(), p.Tail())
	}
}

// DrainAll terminates processes, all at once, and waits for their clean ends.
func DrainAll(ctx context.Context, processes ...*Process) error {
	for _, p := range processes {
		p.Terminate()
	}
	for _, p := range processes {
		if err := p.Drained(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Tail is the last lines of the log.
func (p *Process) Tail() string { return p.journal.tail() }

// Logged is how often the process has logged a message.
func (p *Process) Logged(message string) int { return p.journal.count(message) }

// LoggedCode is how often the process has logged an error with a code of ClickHouse.
func (p *Process) LoggedCode(code int) int { return p.journal.codeCount(code) }

// Pages is the URL of the process's pages; empty before it is known.
func (p *Process) Pages() string { return p.journal.pagesURL() }

// Err is what Wait returned for a process that has ended.
func (p *Process) Err() error { return p.err }
