package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
)

// Exit statuses of the binary (contract §5).
const (
	StatusDone   = 0
	StatusFailed = 1
	StatusFound  = 3 // a check found something
)

// Output is what a command of the binary has printed.
type Output struct {
	Status         int
	Stdout, Stderr []byte
}

// Command runs another command of the binary, with the configuration of the round's
// processes, and waits for its end.
func (r *Round) Command(ctx context.Context, arguments ...string) (Output, error) {
	bounded, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	command := exec.CommandContext(bounded, r.Env.binary, arguments...)
	command.Env = r.environment("operator")
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	o := Output{Status: command.ProcessState.ExitCode(), Stdout: stdout.Bytes(), Stderr: stderr.Bytes()}
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) || bounded.Err() != nil {
		return o, fmt.Errorf("run pianola %v: %w", arguments, errors.Join(err, bounded.Err()))
	}
	return o, nil
}

var errStatus = errors.New("unexpected exit status")

// Pianola is Command with an exit status that is required. It returns standard output.
func (r *Round) Pianola(ctx context.Context, status int, arguments ...string) ([]byte, error) {
	o, err := r.Command(ctx, arguments...)
	if err == nil && o.Status != status {
		err = fmt.Errorf("pianola %v: %w %d, want %d: its output:\n%s\n%s", arguments, errStatus, o.Status, status, o.Stdout, o.Stderr)
	}
	return o.Stdout, err
}
