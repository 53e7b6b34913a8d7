package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/pianola/pianola/internal/sandbox/suspend"
)

// Kill sends SIGKILL and waits for the end of the process. Acknowledged data is still
// there for Restart: it is in the files, or in the page cache of the system.
func (b *Broker) Kill() {
	_ = b.process.Process.Kill() // an error means that it has ended
	<-b.ended
}

// Restart starts a stopped or killed broker with the same ports and data. It returns when
// the broker accepts connections. ctx limits the start.
func (b *Broker) Restart(ctx context.Context) error {
	select {
	case <-b.ended:
		return b.run(ctx)
	default:
		return errors.New("restart kafka: it still runs; stop or kill it first")
	}
}

// Pause stops the process. Connections stay open and the system accepts new ones, but the
// broker does not answer until Resume.
func (b *Broker) Pause() error {
	if err := suspend.Child(b.process.Process); err != nil {
		return fmt.Errorf("pause kafka: %w", err)
	}
	return nil
}

// Resume ends a pause.
func (b *Broker) Resume() error {
	if err := b.process.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("resume kafka: %w", err)
	}
	return nil
}
