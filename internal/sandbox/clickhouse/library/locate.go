package library

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pianola/pianola/internal/sandbox/filelock"
)

// LibraryVariable names the environment variable that points at a library. When
// it is set nothing else is looked at.
const LibraryVariable = "PIANOLA_LIBCHDB"

const libraryFile = "libchdb.so"

// Locate gives the path of the library: the file that PIANOLA_LIBCHDB names, or
// the one in the user's cache directory, or, once, the npm package fetched into
// it (178 MB, unpacked 566 MB). progress, which may be nil, gets a sentence for
// each step of a fetch. Several processes may call it at once: one fetches, the
// others wait for it.
func Locate(ctx context.Context, progress func(string)) (string, error) {
	if path := os.Getenv(LibraryVariable); path != "" {
		info, err := os.Stat(path)
		if err != nil {
			return "", fmt.Errorf("%s: %w", LibraryVariable, err)
		}
		if !info.Mode().IsRegular() {
			return "", fmt.Errorf("%s: %s is not a file", LibraryVariable, path)
		}
		return filepath.Abs(path)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w; or set %s to an existing libchdb.so", err, LibraryVariable)
	}
	if progress == nil {
		progress = func(string) {}
	}
	return locateIn(ctx, filepath.Join(cache, "pianola", "libchdb", Version), progress)
}

// locateIn looks in dir, and fetches into it under a lock.
func locateIn(ctx context.Context, dir string, progress func(string)) (string, error) {
	path := filepath.Join(dir, libraryFile)
	if found(path) {
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the library's directory: %w", err)
	}
	lock, err := filelock.Await(ctx, filepath.Join(dir, "lock"), func() {
		progress("waiting for another process that fetches the ClickHouse library")
	})
	if err != nil {
		return "", fmt.Errorf("lock the library's directory: %w", err)
	}
	defer lock.Close()
	if found(path) {
		return path, nil
	}
	if err := fetch(ctx, dir, progress); err != nil {
		return "", fmt.Errorf("fetch the ClickHouse library: %w", err)
	}
	return path, nil
}

// found tells whether the library is there. It appears by a rename, so what is
// there is whole.
func found(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
