package export

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/pianola/pianola/internal/bucket"
)

// Destination is where the files of one export go. Its files count once Publish has
// written the manifest. One goroutine uses it.
type Destination interface {
	// Create begins a file. The context ends its writes.
	Create(ctx context.Context, name string, f Format) (OutputFile, error)
	// Publish makes the files complete that were kept, and writes the manifest last.
	Publish(ctx context.Context, name string, manifest []byte) error
	// Discard removes what the export has written. After Publish it does nothing but
	// release resources.
	Discard()
	// List returns the names of files that begin with a prefix, in any order.
	List(ctx context.Context, prefix string) ([]string, error)
	// Read returns a manifest.
	Read(ctx context.Context, name string) ([]byte, error)
}

// OutputFile is a file that is being written.
type OutputFile interface {
	io.Writer
	// Keep completes the file.
	Keep() error
	// Drop removes it.
	Drop()
}

// OpenBucket opens a destination in a bucket. The key of the location is a prefix.
type OpenBucket func(context.Context, bucket.Location) (Destination, error)

// open opens the destination of a request for writing.
func (e *Exporter) open(ctx context.Context, t target, manifest string) (Destination, error) {
	switch {
	case t.stream:
		return &stream{out: e.stdout}, nil
	case t.directory != "":
		return openDirectory(t.directory, manifest, e.log)
	default:
		return e.bucket(ctx, t.bucket)
	}
}

// reader opens the destination only to list and read manifests.
func (e *Exporter) reader(ctx context.Context, t target) (Destination, error) {
	switch {
	case t.stream:
		return &stream{}, nil
	case t.directory != "":
		return &directory{path: t.directory, finished: true}, nil
	default:
		return e.bucket(ctx, t.bucket)
	}
}

// noBuckets is the OpenBucket of a process without the clients of buckets.
func noBuckets(context.Context, bucket.Location) (Destination, error) {
	return nil, errors.New("this program has no client for buckets; export with pianola, or into a directory")
}

// newID is the id of an export that begins now. Ids sort by time; the letters tell exports
// of one millisecond apart.
func newID(now time.Time) string {
	now = now.UTC()
	return fmt.Sprintf("%s%03dz-%s", now.Format("20060102t150405"), now.Nanosecond()/1e6, strings.ToLower(rand.Text()[:4]))
}

// idForm matches an id.
const idForm = `\d{8}t\d{9}z-[a-z2-7]{4}`

// Parts of file names. Names of deletions begin with another word, so that a pattern such
// as stream-*.parquet matches files with one set of columns only.
const (
	deletedPrefix  = "deleted-"
	manifestSuffix = ".manifest.json"
)

// fileName is the name of a file of an export. That of its manifest is the name of the only
// file that it would have, with manifestSuffix.
func fileName(v View, id string, month Month, deleted bool, f Format) string {
	name := v.Alias + "-" + id
	if month != 0 {
		name += "-" + month.String()
	}
	if deleted {
		name = deletedPrefix + name
	}
	return name + "." + string(f)
}

// WriteError is a failed write to the destination.
type WriteError struct {
	Name  string
	Cause error
	Hint  string // what to do, or what follows
}

// Error has the cause and what to do.
func (e *WriteError) Error() string { return fmt.Sprintf("write %s: %v; %s", e.Name, e.Cause, e.Hint) }

// Unwrap returns the cause.
func (e *WriteError) Unwrap() error { return e.Cause }
