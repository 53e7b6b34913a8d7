package clickhouse

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// process is one run of a server.
type process struct {
	command  *exec.Cmd
	terminal *os.File      // its master; closing it asks the server to end
	log      string        // path
	ended    chan struct{} // closed when the process is gone
}

// startProcess starts a server and waits until it listens. The lock of the data
// directory stays held until both this process and the child have let it go.
func startProcess(ctx context.Context, through []string, o childOptions, log string, lock *os.File) (p *process, tcp, http int, err error) {
	options, err := json.Marshal(o)
	if err != nil {
		return nil, 0, 0, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, 0, 0, err
	}
	_ = os.Rename(log, log+".old") // not there at the first start
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, 0, 0, err
	}
	defer out.Close()
	master, slave, err := openTerminal()
	if err != nil {
		return nil, 0, 0, err
	}
	defer slave.Close()
	ready, announce, err := os.Pipe()
	if err != nil {
		_ = master.Close()
		return nil, 0, 0, err
	}
	defer ready.Close()

	args := append(append([]string{}, through...), self)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = filepath.Dir(log)
	cmd.Env = append(os.Environ(), childVariable+"="+string(options), "TERM=dumb", "HOME="+cmd.Dir)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, out, out
	cmd.ExtraFiles = []*os.File{announce, lock} // readyDescriptor, lockDescriptor
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	p = &process{command: cmd, terminal: master, log: log, ended: make(chan struct{})}
	started := make(chan error)
	go func() {
		defer close(p.ended)
		// The kernel sends the death signal when the thread that started the child
		// ends, so the thread is kept until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its state
		}
		_ = master.Close()
	}()
	err = <-started
	_ = announce.Close()
	if err != nil {
		return nil, 0, 0, err
	}
	// A terminal that nobody reads would stop the server at its prompt.
	go func() { _, _ = io.Copy(io.Discard, master) }()
	if tcp, http, err = p.listening(ctx, ready); err != nil {
		p.kill()
		return nil, 0, 0, err
	}
	return p, tcp, http, nil
}

// listening waits until the server reports its ports. A statement that the server
// refuses leaves it at its prompt, so the log is looked at as well.
func (p *process) listening(ctx context.Context, ready io.Reader) (tcp, http int, err error) {
	line := make(chan string, 1)
	go func() {
		s, _ := bufio.NewReader(ready).ReadString('\n') // an end without a line is a server that has ended
		line <- s
	}()
	look := time.NewTicker(100 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case s := <-line:
			if _, err := fmt.Sscanf(s, "%d\t%d\n", &tcp, &http); err == nil {
				return tcp, http, nil
			}
			<-p.ended
		case <-look.C:
			if !strings.Contains(p.lastLines(), "DB::Exception") {
				continue
			}
		case <-ctx.Done():
			return 0, 0, fmt.Errorf("wait for the server: %w; %s", ctx.Err(), p.lastLines())
		}
		return 0, 0, fmt.Errorf("the server did not start: %s", p.lastLines())
	}
}

// lastLines is the end of what the server wrote.
func (p *process) lastLines() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text[max(0, len(text)-1500):]))
}

// maxGrace is how long a server may take to end in order. It waits for clients
// that keep a connection open.
const maxGrace = 500 * time.Millisecond

// end asks the server to end and kills it when it has not ended in time. Killing
// it loses nothing that it has acknowledged.
func (p *process) end() {
	_ = p.terminal.Close() // its prompt reads the end of its input
	timer := time.NewTimer(maxGrace)
	defer timer.Stop()
	select {
	case <-p.ended:
	case <-timer.C:
		p.kill()
	}
}

func (p *process) kill() {
	_ = p.command.Process.Kill() // an error means that it has ended
	<-p.ended
}

func (p *process) signal(s syscall.Signal) error {
	return p.whileRunning(func(child *os.Process) error { return child.Signal(s) })
}

func (p *process) whileRunning(do func(*os.Process) error) error {
	select {
	case <-p.ended:
		return errors.New("the server has ended")
	default:
		return do(p.command.Process)
	}
}
