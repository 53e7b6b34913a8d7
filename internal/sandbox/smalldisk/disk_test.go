package smalldisk

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestDisk(t *testing.T) {
	tier.Full(t, "mounts a disk")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	dir := filepath.Join(t.TempDir(), "disk")
	d, err := Mount(ctx, dir, 2<<20)
	if errors.Is(err, ErrUnavailable) {
		tier.Needs(t, err)
	}
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string) error {
		command := append(append([]string{}, d.Enter...), "dd", "if=/dev/zero", "bs=64k", "count=1", "of="+filepath.Join(dir, name))
		out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput()
		if err != nil && !strings.Contains(string(out), "No space left on device") {
			t.Errorf("%v: %s", err, out)
		}
		return err
	}
	if err := write("room"); err != nil {
		t.Errorf("on an empty disk: %v", err)
	}
	if err := errors.Join(d.Fill(32<<10), d.Fill(32<<10)); err != nil {
		t.Error(err)
	}
	if err := write("none"); err == nil {
		t.Error("a full disk has taken 64 KiB")
	}
	if err := d.Free(); err != nil {
		t.Error(err)
	}
	if err := write("again"); err != nil {
		t.Errorf("on a freed disk: %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("outside of the namespace: %v, %v", left, err)
	}
	d.Close()
}

// TestMount_not_here is a machine without the commands, as without the right.
func TestMount_not_here(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	if d, err := Mount(t.Context(), t.TempDir(), 1<<20); !errors.Is(err, ErrUnavailable) {
		t.Errorf("got %v, %v", d, err)
	}
}
