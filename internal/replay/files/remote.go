package files

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.uber.org/zap"
	"gocloud.dev/blob"

	"github.com/pianola/pianola/internal/bucket"
	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/replay/files/rows"
	"github.com/pianola/pianola/internal/wait"
)

const (
	// remoteReadAhead is how much of a column is read at once: a request costs tens of
	// milliseconds.
	remoteReadAhead = 1 << 20
	// maxIdle is how long a server may send nothing.
	maxIdle = time.Minute
	// maxRetries is how often a request is repeated without progress.
	maxRetries = 6
)

// LogRequestFailed is logged where a request to a bucket is repeated.
const LogRequestFailed = "read from the bucket failed, retrying"

// remote is an object in a bucket.
type remote struct {
	location bucket.Location
	places   *Places
}

func (r remote) stamp(ctx context.Context) (Stamp, error) {
	b, err := r.places.Buckets.Get(ctx, r.location)
	if err != nil {
		return Stamp{}, err
	}
	about, err := b.Attributes(ctx, r.location.Key)
	if err != nil {
		return Stamp{}, client.Explain(err)
	}
	return Stamp{Size: about.Size, Modified: about.ModTime.UTC(), Tag: about.ETag}, nil
}

func (r remote) open(ctx context.Context, s Stamp) (io.ReadCloser, error) {
	b, err := r.places.Buckets.Get(ctx, r.location)
	if err != nil {
		return nil, err
	}
	return &rangeReader{remote: r, ctx: ctx, bucket: b, stamp: s, end: s.Size}, nil
}

func (r remote) peek(ctx context.Context, s Stamp) (io.ReadCloser, error) { return r.open(ctx, s) }

func (r remote) readerAt(ctx context.Context, s Stamp) (io.ReaderAt, int, error) {
	b, err := r.places.Buckets.Get(ctx, r.location)
	if err != nil {
		return nil, 0, err
	}
	return &remoteAt{r, ctx, b, s}, remoteReadAhead, nil
}

// remoteAt reads ranges of an object.
type remoteAt struct {
	remote
	ctx    context.Context
	bucket *blob.Bucket
	stamp  Stamp
}

func (r *remoteAt) ReadAt(p []byte, at int64) (int, error) {
	one := &rangeReader{remote: r.remote, ctx: r.ctx, bucket: r.bucket, stamp: r.stamp, at: at, end: min(at+int64(len(p)), r.stamp.Size)}
	defer one.release()
	n, err := io.ReadFull(one, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF // the range goes beyond the end
	}
	return n, err
}

// rangeReader reads [at, end) of an object. When a connection fails it continues at the
// same place with another one, and only of the same version of the object.
type rangeReader struct {
	remote
	ctx     context.Context
	bucket  *blob.Bucket
	stamp   Stamp
	at, end int64

	body    io.ReadCloser
	cancel  context.CancelFunc // of the request
	idle    *time.Timer
	retries int   // since the last progress
	mark    int64 // where the current count of retries began
}

// minProgress is how much a connection must bring to count as progress.
const minProgress = 64 << 10

func (r *rangeReader) Read(p []byte) (int, error) {
	for {
		if r.at >= r.end {
			return 0, io.EOF
		}
		n, err := r.read(p)
		r.at += int64(n)
		if r.at-r.mark >= minProgress {
			r.retries, r.mark = 0, r.at
		}
		if n > 0 || err == nil {
			return n, nil // a failed connection fails again, or the next one continues
		}
		if err := r.repeat(err); err != nil {
			return 0, err
		}
	}
}

func (r *rangeReader) read(p []byte) (int, error) {
	if r.body == nil {
		if err := r.request(); err != nil {
			return 0, err
		}
	}
	r.idle.Reset(maxIdle)
	n, err := r.body.Read(p[:min(int64(len(p)), r.end-r.at)])
	r.idle.Stop()
	return n, err
}

func (r *rangeReader) request() error {
	ctx, cancel := context.WithCancel(r.ctx)
	r.cancel, r.idle = cancel, time.AfterFunc(maxIdle, cancel)
	body, err := r.bucket.NewRangeReader(ctx, r.location.Key, r.at, r.end-r.at, &blob.ReaderOptions{BeforeRead: func(as func(any) bool) error {
		var request *s3.GetObjectInput
		if as(&request) && r.stamp.Tag != "" {
			request.IfMatch = &r.stamp.Tag
		}
		return nil
	}})
	if err != nil {
		return err
	}
	if body.Size() != r.stamp.Size || !body.ModTime().Truncate(time.Second).Equal(r.stamp.Modified.Truncate(time.Second)) {
		_ = body.Close() // the error is known
		return &client.Error{Changed: true}
	}
	r.body = body
	return nil
}

// repeat decides whether a request is repeated, and waits before it is.
func (r *rangeReader) repeat(err error) error {
	r.release()
	if cause := context.Cause(r.ctx); cause != nil {
		return cause
	}
	if errors.Is(err, context.Canceled) { // maxIdle has passed
		err = context.DeadlineExceeded
	}
	err = client.Explain(err)
	var explained *client.Error
	if errors.As(err, &explained) && explained.Changed {
		return &rows.ReadError{Err: ErrChanged}
	}
	if r.retries++; r.retries > maxRetries || explained != nil && !explained.Temporary {
		return &rows.ReadError{Err: err}
	}
	pause := r.places.Pause << (r.retries - 1)
	r.places.Log.Warn(LogRequestFailed, zap.String("object", r.location.Name()), zap.Int64("offset", r.at), zap.Duration("wait", pause), zap.Error(err))
	return wait.For(r.ctx, pause)
}

func (r *rangeReader) release() {
	if r.cancel != nil {
		r.idle.Stop()
		r.cancel()
	}
	if r.body != nil {
		r.body.Close()
		r.body = nil
	}
}

// Close ends the request.
func (r *rangeReader) Close() error {
	r.release()
	return nil
}
