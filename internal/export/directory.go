package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/safetext"
)

// directory is a destination in the file system.
//
// Files are written under hidden names, and get their names when all of them are complete.
// The manifest exists under a hidden name from the beginning, with a lock, and gets its
// name last. So after any end of the process the hidden manifest says that the files of
// its export do not count, and the free lock says that nobody will complete them: the next
// export removes them.
type directory struct {
	path     string
	lock     *os.File // the hidden manifest; nil where nothing is written
	hidden   string   // its name
	files    []string // complete, under hidden names
	renamed  []string // under their own names, before the manifest
	finished bool
}

const hiddenSuffix = ".part"

func hiddenName(name string) string { return "." + name + hiddenSuffix }

var (
	hiddenManifest = regexp.MustCompile(`^\.[A-Za-z0-9_]+-(` + idForm + `)[a-z0-9.-]*` + regexp.QuoteMeta(manifestSuffix+hiddenSuffix) + `$`)
	dataFile       = regexp.MustCompile(`^\.?(?:` + deletedPrefix + `)?[A-Za-z0-9_]+-(` + idForm + `)(?:-\d{4}-\d{2})?\.(?:parquet|csv|ndjson)(?:` + regexp.QuoteMeta(hiddenSuffix) + `)?$`)
)

// openDirectory makes the directory if it is missing, removes what dead exports have left
// there, and takes the lock of this one.
func openDirectory(path, manifest string, log *zap.Logger) (Destination, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, directoryError(path, err)
	}
	if err := removeLeftovers(path, log); err != nil {
		return nil, directoryError(path, err)
	}
	d := &directory{path: path, hidden: hiddenName(manifest)}
	var err error
	if d.lock, err = lockNew(filepath.Join(path, d.hidden)); err != nil {
		return nil, directoryError(path, err)
	}
	return d, nil
}

func directoryError(path string, err error) error {
	hint := "give a directory that this user can write"
	if errors.Is(err, syscall.ENOSPC) {
		hint = "make room on its disk"
	}
	return &WriteError{Name: "to " + safetext.Name(path), Cause: plain(err), Hint: hint}
}

// plain is the system's error without the path, which is in the text already.
func plain(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// lockNew creates a file and locks it. A cleaner that has found the file before it was
// locked removes it: then it is created again.
func lockNew(path string) (*os.File, error) {
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return nil, err
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		var about syscall.Stat_t
		if err == nil {
			err = syscall.Fstat(int(f.Fd()), &about)
		}
		if err != nil {
			_ = f.Close()
			_ = os.Remove(path)
			return nil, err
		}
		if about.Nlink > 0 {
			return f, nil
		}
		_ = f.Close() // removed meanwhile, and empty
	}
}

// LogLeftovers is logged when the files of a dead export were removed.
const LogLeftovers = "files of an export that did not finish removed"

// removeLeftovers removes the files of exports whose process is gone.
func removeLeftovers(path string, log *zap.Logger) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		// Opening a named pipe would wait for its other end.
		if m := hiddenManifest.FindStringSubmatch(entry.Name()); m != nil && entry.Type().IsRegular() {
			removed, err := removeDead(path, entry.Name(), m[1])
			if err != nil {
				return err
			}
			if removed > 0 {
				log.Warn(LogLeftovers, zap.String("export_id", m[1]), zap.Int("files", removed))
			}
		}
	}
	return nil
}

// removeDead removes the files of one export if nobody holds its lock, the hidden manifest
// last. It returns how many files it has removed.
func removeDead(path, hidden, id string) (int, error) {
	f, err := os.OpenFile(filepath.Join(path, hidden), os.O_WRONLY, 0)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return 0, nil // complete meanwhile, removed by another, or of another user
	}
	if err != nil {
		return 0, err
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return 0, nil // its process lives
		}
		return 0, err
	}
	// Between opening and locking the export may have completed: then its files count.
	var here, named syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &here); err != nil {
		return 0, err
	}
	if err := syscall.Stat(filepath.Join(path, hidden), &named); err != nil || named.Ino != here.Ino {
		return 0, nil
	}
	entries, err := os.ReadDir(path) // of a process that can no longer add to them
	if err != nil {
		return 0, err
	}
	removed := 0
	for _, entry := range entries {
		if m := dataFile.FindStringSubmatch(entry.Name()); m != nil && m[1] == id {
			if err := os.Remove(filepath.Join(path, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return removed, err
			}
			removed++
		}
	}
	return removed + 1, os.Remove(filepath.Join(path, hidden))
}

func (d *directory) Create(_ context.Context, name string, _ Format) (OutputFile, error) {
	f, err := os.OpenFile(filepath.Join(d.path, hiddenName(name)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, directoryError(d.path, err)
	}
	return &localFile{directory: d, file: f, name: name}, nil
}

// localFile is a file under its hidden name.
type localFile struct {
	directory *directory
	file      *os.File
	name      string
}

func (l *localFile) Write(p []byte) (int, error) {
	n, err := l.file.Write(p)
	if err != nil {
		err = directoryError(l.directory.path, err)
	}
	return n, err
}

func (l *localFile) Keep() error {
	if err := errors.Join(l.file.Sync(), l.file.Close()); err != nil {
		_ = os.Remove(l.file.Name())
		return directoryError(l.directory.path, err)
	}
	l.directory.files = append(l.directory.files, l.name)
	return nil
}

func (l *localFile) Drop() {
	_ = l.file.Close()
	_ = os.Remove(l.file.Name())
}

func (d *directory) Publish(_ context.Context, name string, manifest []byte) error {
	for _, file := range d.files {
		if err := os.Rename(filepath.Join(d.path, hiddenName(file)), filepath.Join(d.path, file)); err != nil {
			return directoryError(d.path, err)
		}
		d.renamed = append(d.renamed, file)
	}
	_, err := d.lock.Write(manifest)
	if err == nil {
		err = d.lock.Sync()
	}
	if err == nil {
		err = syncDirectory(d.path) // the files have their names before the manifest has
	}
	if err == nil {
		err = os.Rename(filepath.Join(d.path, d.hidden), filepath.Join(d.path, name))
	}
	if err != nil {
		return directoryError(d.path, err)
	}
	d.finished = true
	if err := syncDirectory(d.path); err != nil {
		return directoryError(d.path, err)
	}
	return nil
}

// syncDirectory makes names durable.
func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (d *directory) Discard() {
	if !d.finished {
		for _, file := range d.files {
			_ = os.Remove(filepath.Join(d.path, hiddenName(file)))
		}
		for _, file := range d.renamed {
			_ = os.Remove(filepath.Join(d.path, file))
		}
		_ = os.Remove(filepath.Join(d.path, d.hidden))
	}
	if d.lock != nil {
		_ = d.lock.Close()
	}
}

func (d *directory) List(_ context.Context, prefix string) ([]string, error) {
	return listDirectory(d.path, prefix)
}

func listDirectory(path, prefix string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the first export makes it
	}
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", safetext.Name(path), plain(err))
	}
	var names []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), prefix) && entry.Type().IsRegular() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}

func (d *directory) Read(_ context.Context, name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(d.path, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", safetext.Name(name), plain(err))
	}
	return text, nil
}
