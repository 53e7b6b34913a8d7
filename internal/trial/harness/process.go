package harness

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/pianola/pianola/internal/service"
	"github.com/pianola/pianola/internal/trial/usage"
)

// Process is a running `pianola run`, or another command that runs for long.
type Process struct {
	Name  string
	Ended <-chan struct{} // closed once the process has ended

	*journal
	command *exec.Cmd // nil for a service in this process
	err     error     // set before Ended is closed
}

// maxDrain bounds an orderly end.
const maxDrain = 30 * time.Second

func startProcess(binary, name string, arguments, environment []string, j *journal) (*Process, error) {
	ended := make(chan struct{})
	p := &Process{Name: name, Ended: ended, command: exec.Command(binary, arguments...), journal: j}
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

// Status is the exit status of a process that has ended; -1: it runs.
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
func (p *Process) Drain(ctx context.Context) error { return DrainAll(ctx, p) }

// Drained waits for the end that Terminate has asked for, which has to be clean.
func (p *Process) Drained(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, maxDrain)
	defer cancel()
	select {
	case <-p.Ended:
		if p.err != nil && !p.unborn() {
			err = p.err
		}
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		err = fmt.Errorf("pianola (%s) did not drain: %w: its last lines:\n%s", p.Name, err, p.Tail())
	}
	return err
}

// unborn reports whether the process ended before it began to work, so that there was
// nothing to drain. A process that does not handle signals yet ends by the signal itself.
// One that was still reading its settings says only that it was interrupted: the service
// logs before it does anything.
func (p *Process) unborn() bool {
	switch tail := strings.TrimSpace(p.Tail()); p.command.ProcessState.String() {
	case "signal: terminated":
		return tail == ""
	case "exit status 1":
		return tail == "pianola: interrupted"
	}
	return false
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

// FailedSaying checks the end of a process that has to fail: its exit status, and that its
// last line contains all of the texts.
func (p *Process) FailedSaying(texts ...string) error {
	lines := strings.Split(strings.TrimSpace(p.Tail()), "\n")
	var errs []error
	if status := p.Status(); status != StatusFailed {
		errs = append(errs, fmt.Errorf("exit status %d, want %d", status, StatusFailed))
	}
	for _, text := range texts {
		if !strings.Contains(lines[len(lines)-1], text) {
			errs = append(errs, fmt.Errorf("the last line does not say %q", text))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%w: its last lines:\n%s", err, p.Tail())
	}
	return nil
}

// StartInProcess runs a service in this process, with the configuration of a process and
// with a clock of its own: a process cannot have another clock than the system's. Of the
// Process only Alive and Tail may be used. end drains it.
func (r *Round) StartInProcess(ctx context.Context, now func() time.Time) (p *Process, end func() error, err error) {
	settings, err := r.ProcessConfig("hosted")
	if err != nil {
		return nil, nil, err
	}
	ended := make(chan struct{})
	p = &Process{Name: "hosted", journal: r.newJournal(), Ended: ended}
	encoder := zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig())
	log := zap.New(zapcore.NewCore(encoder, zapcore.AddSync(p.journal), zapcore.InfoLevel))
	one, err := service.New(ctx, settings, service.Options{Log: log, Registry: prometheus.NewRegistry(), Now: now})
	if err != nil {
		return nil, nil, err
	}
	running, stop := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		defer one.Close()
		p.err = one.Run(running)
	}()
	return p, func() error {
		stop()
		<-p.Ended
		if p.err != nil {
			return fmt.Errorf("the service in this process did not drain: %w: its last lines:\n%s", p.err, p.Tail())
		}
		return nil
	}, nil
}
