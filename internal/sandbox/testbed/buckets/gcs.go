package buckets

import (
	"strings"
	"testing"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

// GCS is a Google Cloud Storage server with one bucket.
type GCS struct {
	testing.TB
	server *fakestorage.Server
}

// StartGCS starts a server until the end of the test, and points the client library to
// it.
func StartGCS(t testing.TB) *GCS {
	t.Helper()
	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{Scheme: "http", Host: "127.0.0.1", PublicHost: "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	t.Setenv("STORAGE_EMULATOR_HOST", strings.TrimPrefix(server.URL(), "http://"))
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: Bucket})
	return &GCS{t, server}
}

// URL is the location of a key, or of a pattern.
func (g *GCS) URL(key string) string { return "gs://" + Bucket + "/" + key + "?anonymous=true" }

// Put stores an object.
func (g *GCS) Put(key string, content []byte) {
	g.server.CreateObject(fakestorage.Object{
		ObjectAttrs: fakestorage.ObjectAttrs{BucketName: Bucket, Name: key}, Content: content,
	})
}
