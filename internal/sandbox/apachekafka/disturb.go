package apachekafka

import (
	"context"
	"errors"
	"fmt"
	"syscall"
)

// Kill is kill -9, and waits until the process is gone. What the broker had
// acknowledged is still there for Again: it lies in the files, or in the system's
// cache of them, which only the machine's own end takes along.
func (b *Broker) Kill() {
	_ = b.process.Process.Kill() // an error means that it has ended
	<-b.ended
}

// Again starts a broker that has been stopped or killed, on the same ports and
// with the same data, and returns once it takes connections. ctx bounds the start.
func (b *Broker) Again(ctx context.Context) error {
	select {
	case <-b.ended:
		return b.run(ctx)
	default:
		return errors.New("start kafka again: it still runs; stop or kill it first")
	}
}

// Pause lets the broker hang: its connections stay, the system takes new ones, and
// nobody answers until Resume.
func (b *Broker) Pause() error {
	if err := b.process.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("pause kafka: %w", err)
	}
	return nil
}

// Resume ends a Pause.
func (b *Broker) Resume() error {
	if err := b.process.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("resume kafka: %w", err)
	}
	return nil
}
