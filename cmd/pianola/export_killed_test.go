package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/smalldisk"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestExport_Killed: a killed export leaves no file with a name that counts, and the next
// export into the directory removes what is left.
func TestExport_Killed(t *testing.T) {
	tier.Full(t, "builds the command")
	t.Parallel()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native"})
	s.Exec("CREATE VIEW export_endless AS SELECT number AS n FROM numbers(100000000000)")
	dir := t.TempDir()
	command := exec.Command(build(t), "export", "export_endless", "--to", dir, "--format", "csv")
	command.Env = append(os.Environ(), environment(s.Settings)...)
	s.Must(command.Start())
	s.Eventually("bytes of the file", func() bool {
		parts, err := filepath.Glob(filepath.Join(dir, ".*.csv.part"))
		s.Must(err)
		if len(parts) == 0 {
			return false
		}
		about, err := os.Stat(parts[0])
		return err == nil && about.Size() > 1<<20
	})
	s.Must(command.Process.Kill())
	_ = command.Wait() // it was killed
	left, err := os.ReadDir(dir)
	s.Must(err)
	if len(left) != 2 {
		t.Errorf("%d files are left: a file and the lock were expected", len(left))
	}
	for _, entry := range left {
		if !strings.HasPrefix(entry.Name(), ".") {
			t.Errorf("%s has a name that counts", entry.Name())
		}
	}
	got := call(t, environment(s.Settings), "", "export", "stream", "--to", dir, "--format", "csv")
	if got.code != exitDone || !strings.Contains(got.stderr, "files of an export that did not finish removed") {
		t.Errorf("%+v", got)
	}
	if left, err = os.ReadDir(dir); err != nil || len(left) != 2 || !strings.HasPrefix(left[0].Name(), "stream-") {
		t.Errorf("the directory has %v, %v", left, err)
	}
}

// TestExport_FullDisk: the error says what to do, and the disk is empty afterwards.
func TestExport_FullDisk(t *testing.T) {
	tier.Full(t, "builds the command")
	t.Parallel()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native"})
	s.Exec("CREATE VIEW export_large AS SELECT number AS n, hex(SHA512(toString(number))) AS text FROM numbers(400000)")
	dir := filepath.Join(t.TempDir(), "disk")
	disk, err := smalldisk.Mount(t.Context(), dir, 8<<20)
	if errors.Is(err, smalldisk.ErrUnavailable) {
		tier.Needs(t, err)
	}
	s.Must(err)
	t.Cleanup(disk.Close)
	run := func(arguments ...string) (string, error) {
		words := append(slices.Clone(disk.Enter), arguments...)
		command := exec.Command(words[0], words[1:]...)
		command.Env = append(os.Environ(), environment(s.Settings)...)
		output, err := command.CombinedOutput()
		return string(output), err
	}
	output, err := run(build(t), "export", "export_large", "--to", dir, "--format", "ndjson")
	if !strings.Contains(output, "no space left on device; make room on its disk") {
		t.Errorf("got %s", output)
	}
	var failed *exec.ExitError
	if !errors.As(err, &failed) || failed.ExitCode() != exitFailed {
		t.Errorf("it ended with %v", err)
	}
	if left, err := run("ls", "-A", dir); err != nil || left != "" {
		t.Errorf("left on the disk: %s, %v", left, err)
	}
}
