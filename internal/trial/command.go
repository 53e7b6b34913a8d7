package trial

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// What the commands of the binary exit with (contract §5).
const (
	statusDone   = 0
	statusFailed = 1
	statusFound  = 3 // the check found something
)

var errStatus = errors.New("another exit status than wanted")

// pianola runs another command of the binary to its end, with the configuration
// that the processes have. It has to exit with status 0.
func (r *round) pianola(ctx context.Context, arguments ...string) error {
	_, err := r.pianolaExits(ctx, statusDone, arguments...)
	return err
}

// pianolaExits does so with a command that has to exit with another status, and
// gives what it prints on standard output.
func (r *round) pianolaExits(ctx context.Context, status int, arguments ...string) ([]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	command := exec.CommandContext(bounded, r.stage.binary, arguments...)
	command.Env = r.environment("operator")
	var complaint strings.Builder
	command.Stderr = &complaint
	out, err := command.Output()
	if command.ProcessState != nil && command.ProcessState.ExitCode() == status {
		return out, nil
	}
	return out, fmt.Errorf("pianola %v: %w, %d: %w: its output:\n%s\n%s", arguments, errStatus, status, err, out, complaint.String())
}
