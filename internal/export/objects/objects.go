// Package objects writes exports into buckets. It is the [export.Destination] that needs the
// clients of buckets, which only cmd/pianola compiles.
package objects

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gocloud.dev/blob"

	"github.com/pianola/pianola/internal/bucket"
	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/export"
)

// objects is a destination in a bucket. An object exists once it is complete: an upload
// that ends before leaves none. When an export fails, its complete objects are removed. If
// the process is killed they stay, without a manifest, and do not count.
type objects struct {
	bucket   *blob.Bucket
	location bucket.Location
	kept     []string // keys
	finished bool
}

// discardTimeout bounds the removal of the objects of a failed export.
const discardTimeout = 30 * time.Second

// Memory of an upload: parts of this size, so many at once, and one that is filled. S3
// allows 10,000 parts, so a file can have 160 GB.
const (
	uploadPart        = 16 << 20
	uploadConcurrency = 2
)

// Open is the [export.OpenBucket] of both kinds of buckets.
func Open(ctx context.Context, location bucket.Location) (export.Destination, error) {
	b, err := client.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	return &objects{bucket: b, location: location}, nil
}

func (o *objects) failure(name string, err error) error {
	return &export.WriteError{Name: name + " to " + o.location.Name(), Cause: client.Explain(err), Hint: "nothing of this export counts"}
}

func (o *objects) writer(ctx context.Context, name, contentType string) (*blob.Writer, error) {
	w, err := o.bucket.NewWriter(ctx, o.location.Key+name, &blob.WriterOptions{
		BufferSize: uploadPart, MaxConcurrency: uploadConcurrency, ContentType: contentType,
	})
	if err != nil {
		return nil, o.failure(name, err)
	}
	return w, nil
}

func (o *objects) Create(ctx context.Context, name string, f export.Format) (export.OutputFile, error) {
	ctx, cancel := context.WithCancel(ctx)
	w, err := o.writer(ctx, name, f.ContentType())
	if err != nil {
		cancel()
		return nil, err
	}
	return &object{objects: o, name: name, writer: w, cancel: cancel}, nil
}

// object is an upload.
type object struct {
	objects *objects
	name    string
	writer  *blob.Writer
	cancel  context.CancelFunc
}

func (w *object) Write(p []byte) (int, error) {
	n, err := w.writer.Write(p)
	if err != nil {
		err = w.objects.failure(w.name, err)
	}
	return n, err
}

func (w *object) Keep() error {
	defer w.cancel()
	if err := w.writer.Close(); err != nil {
		return w.objects.failure(w.name, err)
	}
	w.objects.kept = append(w.objects.kept, w.objects.location.Key+w.name)
	return nil
}

// Drop ends the upload before it is complete: Close must see a context that has ended.
func (w *object) Drop() {
	w.cancel()
	_ = w.writer.Close()
}

func (o *objects) Publish(ctx context.Context, name string, manifest []byte) error {
	w, err := o.writer(ctx, name, "application/json")
	if err != nil {
		return err
	}
	// An upload that fails may have succeeded. Then the manifest goes first.
	o.kept = slices.Insert(o.kept, 0, o.location.Key+name)
	_, err = w.Write(manifest)
	if err = errors.Join(err, w.Close()); err != nil {
		return o.failure(name, err)
	}
	o.finished = true
	return nil
}

func (o *objects) Discard() {
	if !o.finished {
		ctx, cancel := context.WithTimeout(context.Background(), discardTimeout)
		defer cancel()
		for _, key := range o.kept {
			_ = o.bucket.Delete(ctx, key) // the error that ended the export is reported
		}
	}
	_ = o.bucket.Close()
}

func (o *objects) List(ctx context.Context, prefix string) ([]string, error) {
	list := o.bucket.List(&blob.ListOptions{Prefix: o.location.Key + prefix, Delimiter: "/"})
	var names []string
	for {
		one, err := list.Next(ctx)
		if errors.Is(err, io.EOF) {
			return names, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", o.location.Name(), client.Explain(err))
		}
		if !one.IsDir {
			names = append(names, strings.TrimPrefix(one.Key, o.location.Key))
		}
	}
}

func (o *objects) Read(ctx context.Context, name string) ([]byte, error) {
	text, err := o.bucket.ReadAll(ctx, o.location.Key+name)
	if err != nil {
		return nil, fmt.Errorf("read %s in %s: %w", name, o.location.Name(), client.Explain(err))
	}
	return text, nil
}
