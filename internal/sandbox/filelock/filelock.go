// Package filelock keeps other processes away from a directory, with a lock on a file. The
// system releases the lock when the process ends in any way.
package filelock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/pianola/pianola/internal/wait"
)

// errTaken says that another process has the lock.
var errTaken = errors.New("another process has the lock")

// Take takes the lock on a file, which it creates where it does not exist. Closing the
// file releases the lock.
func Take(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errTaken
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// Await is Take that waits for the lock until ctx ends. It calls waiting once if another
// process has the lock.
func Await(ctx context.Context, path string, waiting func()) (f *os.File, err error) {
	for pauses := 0; ; pauses++ {
		if f, err = Take(path); !errors.Is(err, errTaken) {
			return f, err
		}
		if pauses == 0 {
			waiting()
		}
		if ended := wait.For(ctx, 50*time.Millisecond); ended != nil {
			return nil, fmt.Errorf("%w: %w", err, ended)
		}
	}
}
