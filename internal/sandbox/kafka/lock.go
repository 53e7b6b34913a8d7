package kafka

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
)

// dirLock excludes other processes from a data directory, because two brokers would
// corrupt the log. A nil lock has no effect.
type dirLock struct {
	file *os.File
	once sync.Once
}

// lockDir creates the directory and takes its lock. The operating system releases the
// lock at every end of the process.
func lockDir(dir string) (*dirLock, error) {
	if dir == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create kafka data directory: %w", err)
	}
	// Beside the directory, because kfake owns its content.
	file, err := os.OpenFile(filepath.Clean(dir)+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock kafka data directory: %w", err)
	}
	if err := lockFile(file); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("kafka data directory %s is used by another sandbox; stop it, or select another directory with --data DIR", dir)
	}
	return &dirLock{file: file}, nil
}

func (l *dirLock) release() {
	if l == nil {
		return
	}
	l.once.Do(func() { _ = l.file.Close() })
}
