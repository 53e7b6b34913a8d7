// Package process runs the processes that are measured: programs, and this program in
// another role. A process of its own has CPU time and memory of its own.
//
// [Start] starts a program. [StartRole] starts this program again, whose main calls
// [ServeRole] first. No process outlives this one.
package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Process is a running process.
type Process struct {
	name    string
	command *exec.Cmd
	log     string        // path
	ended   chan struct{} // closed after err is set
	err     error
}

// Start starts a program whose output goes to the file NAME.log in dir. environment is
// complete.
func Start(dir, name string, environment []string, program string, arguments ...string) (*Process, error) {
	p := &Process{name: name, log: filepath.Join(dir, name+".log"), ended: make(chan struct{})}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	defer out.Close()
	p.command = exec.Command(program, arguments...)
	p.command.Env, p.command.Stdout, p.command.Stderr = environment, out, out
	p.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		defer close(p.ended)
		// The kernel sends the death signal when the thread that started the process
		// ends, so the thread is kept.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.command.Start()
		started <- err
		if err == nil {
			p.err = p.command.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Alive is nil, or an error that says how the process ended by itself.
func (p *Process) Alive() error {
	select {
	case <-p.ended:
		return fmt.Errorf("%s has ended by itself: %w\n%s", p.name, errors.Join(errEnded, p.err), p.LastLines())
	default:
		return nil
	}
}

var errEnded = errors.New("process ended")

// LastLines is the end of its output.
func (p *Process) LastLines() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1500):]))
}

// Kill is kill -9, and waits for the end.
func (p *Process) Kill() {
	_ = p.command.Process.Kill() // an error means that it has ended
	<-p.ended
}

// maxStop bounds an orderly end.
const maxStop = time.Minute

// Stop asks for an orderly end and waits for it. An exit status other than 0 is an error.
func (p *Process) Stop() error {
	_ = p.command.Process.Signal(syscall.SIGTERM) // an error means that it has ended
	timer := time.NewTimer(maxStop)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.Kill()
		return fmt.Errorf("stop %s: it has not ended within %s\n%s", p.name, maxStop, p.LastLines())
	}
	if p.err != nil {
		return fmt.Errorf("stop %s: %w\n%s", p.name, p.err, p.LastLines())
	}
	return nil
}

// Role is other work that this program can do. It reads its options and returns at the end
// of ctx, which SIGTERM cancels.
type Role func(ctx context.Context, options json.RawMessage) error

// roleVariable holds the role and the options of a process, as JSON.
const roleVariable = "PIANOLA_BENCH_ROLE"

type roleOptions struct {
	Role    string
	Options json.RawMessage
}

// ServeRole does the work of a role and ends the process, if StartRole has started it. It
// is called first in main and in TestMain.
func ServeRole(roles map[string]Role) {
	text, found := os.LookupEnv(roleVariable)
	if !found {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var o roleOptions
	err := json.Unmarshal([]byte(text), &o)
	if err == nil {
		err = roles[o.Role](ctx, o.Options)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", o.Role, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// StartRole starts this program in a role.
func StartRole(dir, name, role string, options any) (*Process, error) {
	encoded, err := json.Marshal(options)
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	text, err := json.Marshal(roleOptions{Role: role, Options: encoded})
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return Start(dir, name, append(os.Environ(), roleVariable+"="+string(text)), self)
}
