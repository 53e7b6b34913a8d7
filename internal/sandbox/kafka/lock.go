package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// dirLock keeps a second process out of a data directory: two brokers writing
// one log would leave neither readable. A nil lock holds nothing.
type dirLock struct {
	file *os.File
	once sync.Once
}

// lockDir makes the directory when it is missing and takes its lock. The
// operating system drops the lock when the process ends, however it ends.
func lockDir(dir string) (*dirLock, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make kafka data directory: %w", err)
	}
	// Beside the directory, not in it: kfake owns what is inside.
	file, err := os.OpenFile(filepath.Clean(dir)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock kafka data directory: %w", err)
	}
	if err := lockFile(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("kafka data directory %s is used by another sandbox; stop it, or choose another with --data DIR", dir)
	}
	return &dirLock{file: file}, nil
}

func (l *dirLock) release() {
	if l == nil {
		return
	}
	l.once.Do(func() { _ = l.file.Close() })
}
