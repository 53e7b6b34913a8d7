// Package smalldisk makes a disk of a few megabytes, to see what a program does when it is
// full.
package smalldisk

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// ErrUnavailable says that this machine allows no process to mount a disk.
var ErrUnavailable = errors.New("no small disk can be mounted")

// Disk is a tmpfs in a mount namespace of its own. A process keeps the namespace. The
// mount disappears with that process, also when this process is killed.
type Disk struct {
	keeper *exec.Cmd
	held   io.Closer // the keeper's standard input; the keeper ends when it is closed
	inside string    // the directory, for processes started through Enter
	// Enter is a command that starts what follows it inside of the namespace.
	Enter []string
}

// namespaces are the ways to get one that may mount: for root, where the container allows
// it, and for other users as root of a user namespace.
var namespaces = []struct{ leave, enter []string }{
	{[]string{"--mount"}, []string{"--mount"}},
	{[]string{"--user", "--map-root-user", "--mount"}, []string{"--user", "--preserve-credentials", "--mount"}},
}

// Mount creates dir and mounts a disk of so many bytes there. The error wraps
// ErrUnavailable where no way works.
func Mount(ctx context.Context, dir string, bytes int64) (*Disk, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a directory: %w", err)
	}
	var refused []error
	for _, ns := range namespaces {
		d, err := mount(ctx, ns.leave, ns.enter, dir, bytes)
		if err == nil {
			return d, nil
		}
		refused = append(refused, err)
	}
	return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(refused...))
}

func mount(ctx context.Context, leave, enter []string, dir string, bytes int64) (*Disk, error) {
	const script = `mount -t tmpfs -o "size=$1,mode=700" pianola-test "$2" && echo mounted && exec cat`
	args := append(append([]string{}, leave...), "--", "sh", "-c", script, "sh", strconv.FormatInt(bytes, 10), dir)
	d := &Disk{keeper: exec.Command("unshare", args...), inside: dir}
	var complaint strings.Builder
	d.keeper.Stderr = &complaint
	stdin, err := d.keeper.StdinPipe()
	if err != nil {
		return nil, err
	}
	d.held = stdin
	stdout, err := d.keeper.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.keeper.Start(); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { _ = d.keeper.Process.Kill() })()
	if line, _ := bufio.NewReader(stdout).ReadString('\n'); line != "mounted\n" {
		_ = d.held.Close()
		err := d.keeper.Wait()
		return nil, fmt.Errorf("unshare %s: %w: %s", strings.Join(leave, " "), errors.Join(err, ctx.Err()), strings.TrimSpace(complaint.String()))
	}
	d.Enter = append(append([]string{"nsenter", "--target", strconv.Itoa(d.keeper.Process.Pid)}, enter...), "--")
	return d, nil
}

// outside is the path of a file on the disk for this process, which is not in the
// namespace.
func (d *Disk) outside(name string) string {
	return filepath.Join("/proc", strconv.Itoa(d.keeper.Process.Pid), "root", d.inside, name)
}

// filler is the file that fills the disk.
const filler = "filler"

// Fill fills the disk, but for so many bytes. It checks the free space before every step,
// and takes small steps: ClickHouse writes at the same time, and the bytes that are to be
// left must stay free.
func (d *Disk) Fill(but int64) error {
	f, err := os.OpenFile(d.outside(filler), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("fill the disk: %w", err)
	}
	defer f.Close()
	zeros := make([]byte, 64<<10)
	for {
		var room syscall.Statfs_t
		if err := syscall.Fstatfs(int(f.Fd()), &room); err != nil {
			return fmt.Errorf("fill the disk: check its free space: %w", err)
		}
		left := int64(room.Bavail)*int64(room.Bsize) - but
		if left <= 0 {
			return nil
		}
		_, err := f.Write(zeros[:min(left, int64(len(zeros)))])
		if errors.Is(err, syscall.ENOSPC) {
			return nil // ClickHouse has filled it
		}
		if err != nil {
			return fmt.Errorf("fill the disk: %w", err)
		}
	}
}

// Free removes the filler.
func (d *Disk) Free() error {
	if err := os.Remove(d.outside(filler)); err != nil {
		return fmt.Errorf("free the disk: %w", err)
	}
	return nil
}

// Close unmounts the disk once no process is in the namespace.
func (d *Disk) Close() {
	_ = d.held.Close()
	_ = d.keeper.Wait() // its status says nothing
}
