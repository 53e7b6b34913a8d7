// Package suspend stops a child process so that none of its threads runs any more.
package suspend

import (
	"fmt"
	"os"
	"syscall"
)

// Child sends SIGSTOP to a child process and waits until it has stopped: on a busy machine
// its threads run on for a while after the signal.
func Child(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	if err := awaitStop(p.Pid); err != nil {
		return fmt.Errorf("wait until process %d has stopped: %w", p.Pid, err)
	}
	return nil
}
