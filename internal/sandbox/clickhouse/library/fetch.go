package library

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fetch brings the platform's package into dir with npm, checks it and unpacks
// the library; the caller holds the lock.
func fetch(ctx context.Context, dir string, progress func(string)) error {
	p, err := platformPack()
	if err != nil {
		return err
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return fmt.Errorf("npm is not installed: install Node.js with npm, or unpack %s@%s elsewhere and set %s to its %s",
			p.name, Version, LibraryVariable, libraryFile)
	}
	if err := removeLeftovers(dir); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(dir, leftovers)
	if err != nil {
		return fmt.Errorf("make a directory to fetch into: %w", err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // what it leaves, the next fetch removes

	progress(fmt.Sprintf("fetching the ClickHouse library %s %s (178 MB, once)", p.name, Version))
	archive, err := npmPack(ctx, npm, p, temp)
	if err != nil {
		return err
	}
	progress("checking and unpacking the ClickHouse library")
	unpacked := filepath.Join(temp, libraryFile)
	if err := unpack(ctx, archive, p.integrity, unpacked); err != nil {
		return fmt.Errorf("unpack %s@%s: %w", p.name, Version, err)
	}
	if err := os.Rename(unpacked, filepath.Join(dir, libraryFile)); err != nil {
		return fmt.Errorf("put the library in place: %w", err)
	}
	return nil
}

// leftovers is the pattern of the directories that are fetched into. One that is
// there while the lock is held belongs to a process that was killed.
const leftovers = "fetch-*"

func removeLeftovers(dir string) error {
	old, err := filepath.Glob(filepath.Join(dir, leftovers))
	for _, path := range old {
		err = errors.Join(err, os.RemoveAll(path))
	}
	if err != nil {
		return fmt.Errorf("remove an interrupted fetch: %w", err)
	}
	return nil
}

// npmPack runs npm pack in dir and gives the archive's path.
func npmPack(ctx context.Context, npm string, p pack, dir string) (string, error) {
	cmd := exec.CommandContext(ctx, npm, "pack", p.name+"@"+Version, "--silent", "--pack-destination", dir)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("npm pack %s@%s: %w: %s; or get the package another way and set %s to its %s",
			p.name, Version, err, strings.TrimSpace(lastBytes(stderr.String(), 400)), LibraryVariable, libraryFile)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.tgz"))
	if err != nil || len(archives) != 1 {
		return "", errors.New("npm pack gave no archive")
	}
	return archives[0], nil
}

func lastBytes(s string, n int) string { return s[max(0, len(s)-n):] }
