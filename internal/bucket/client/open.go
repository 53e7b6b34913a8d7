package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	gcaws "gocloud.dev/aws"
	"gocloud.dev/blob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/s3blob"
	"gocloud.dev/gcp"

	"github.com/pianola/pianola/internal/bucket"
)

// credentialsTimeout bounds the search for credentials. Outside of a cloud the libraries
// ask its metadata server, which does not answer.
const credentialsTimeout = 20 * time.Second

// Open returns the bucket of a location. It looks for credentials, and does not yet ask
// the bucket. The caller must close it.
func Open(ctx context.Context, l bucket.Location) (*blob.Bucket, error) {
	bounded, cancel := context.WithTimeout(ctx, credentialsTimeout)
	defer cancel()
	var b *blob.Bucket
	var err error
	if l.Scheme == bucket.GCS {
		b, err = openGCS(bounded, l)
	} else {
		b, err = openS3(bounded, l)
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", l.Bucket, errors.Join(ctx.Err(), err))
	}
	return b, nil
}

var errNoS3Credentials = errors.New("no credentials for S3; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, " +
	"or AWS_PROFILE, or run with a role. ?anonymous=true reads a public bucket")

// openS3 needs a region to sign requests. An S3-compatible server accepts any, and mostly
// wants the bucket in the path.
func openS3(ctx context.Context, l bucket.Location) (*blob.Bucket, error) {
	q := l.Parameters()
	pathStyle, err := takeBool(q, "use_path_style", q.Get("endpoint") != "")
	if err != nil {
		return nil, err
	}
	plain, err := takeBool(q, "disable_https", false)
	if err != nil {
		return nil, err
	}
	anonymous, err := takeBool(q, "anonymous", false)
	if err != nil {
		return nil, err
	}
	q.Set("anonymous", strconv.FormatBool(anonymous)) // the library reads it too
	cfg, err := gcaws.V2ConfigFromURLParams(ctx, q)
	if err != nil {
		return nil, errors.New("the settings for S3 are not valid; check the parameters of the URL, AWS_PROFILE and the files in ~/.aws")
	}
	cfg.Logger, cfg.ClientLogMode = logging.Nop{}, 0 // it would write to standard error
	if cfg.Region == "" {
		if q.Get("endpoint") == "" {
			return nil, errors.New("no region for S3; set AWS_REGION or add ?region=REGION to the URL")
		}
		cfg.Region = "us-east-1"
	}
	if !anonymous {
		if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
			return nil, errNoS3Credentials
		}
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.UsePathStyle = pathStyle
		o.EndpointOptions.DisableHTTPS = plain
	})
	return s3blob.OpenBucket(ctx, client, l.Bucket, &s3blob.Options{RequestChecksumCalculation: cfg.RequestChecksumCalculation})
}

// takeBool removes a parameter that the library does not read here.
func takeBool(q url.Values, name string, otherwise bool) (bool, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	value, err := strconv.ParseBool(q.Get(name))
	if err != nil {
		return false, fmt.Errorf("the parameter %s must be true or false", name)
	}
	q.Del(name)
	return value, nil
}

// openGCS does not use the library's own opener: without credentials that prints to
// standard output.
func openGCS(ctx context.Context, l bucket.Location) (*blob.Bucket, error) {
	anonymous, err := takeBool(l.Parameters(), "anonymous", false)
	if err != nil {
		return nil, err
	}
	client := gcp.NewAnonymousHTTPClient(http.DefaultTransport)
	if !anonymous {
		// The credentials keep the context for later requests of tokens.
		found, err := gcp.DefaultCredentials(context.WithoutCancel(ctx))
		if err != nil {
			return nil, errors.New("no credentials for Google Cloud Storage; set GOOGLE_APPLICATION_CREDENTIALS, " +
				"or run gcloud auth application-default login. ?anonymous=true reads a public bucket")
		}
		if client, err = gcp.NewHTTPClient(http.DefaultTransport, gcp.CredentialsTokenSource(found)); err != nil {
			return nil, err
		}
	}
	return gcsblob.OpenBucket(context.WithoutCancel(ctx), client, l.Bucket, nil)
}

// Buckets keeps the buckets of a command open, one for each bucket and set of parameters.
// It is safe for concurrent use.
type Buckets struct {
	mu   sync.Mutex
	open map[string]*blob.Bucket
}

// Get opens the bucket of a location, or returns the open one.
func (b *Buckets) Get(ctx context.Context, l bucket.Location) (*blob.Bucket, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one, found := b.open[l.SameBucket()]; found {
		return one, nil
	}
	one, err := Open(ctx, l)
	if err != nil {
		return nil, err
	}
	if b.open == nil {
		b.open = map[string]*blob.Bucket{}
	}
	b.open[l.SameBucket()] = one
	return one, nil
}

// Close closes all of them.
func (b *Buckets) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	var errs []error
	for key, one := range b.open {
		errs = append(errs, one.Close())
		delete(b.open, key)
	}
	return errors.Join(errs...)
}
