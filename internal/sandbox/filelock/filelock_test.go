package filelock_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/filelock"
)

func TestAwait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	held, err := filelock.Take(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filelock.Take(path); err == nil {
		t.Error("the lock was taken twice")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 120*time.Millisecond)
	defer cancel()
	waited := 0
	if _, err := filelock.Await(ctx, path, func() { waited++ }); !errors.Is(err, context.DeadlineExceeded) || waited != 1 {
		t.Errorf("%v, reported %d times", err, waited)
	}
	next, err := filelock.Await(t.Context(), path, func() { _ = held.Close() })
	if err != nil {
		t.Fatal(err)
	}
	_ = next.Close()
}
