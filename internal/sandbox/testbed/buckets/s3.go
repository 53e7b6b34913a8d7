package buckets

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// Bucket is the name of the bucket of every server.
const Bucket = "exports"

// S3 is an S3 server with one bucket.
type S3 struct {
	testing.TB
	Endpoint string

	backend *s3mem.Backend
	mu      sync.Mutex
	cuts    int   // answers with an object that remain to be cut
	after   int64 // bytes of the object that a cut answer has
	reads   int   // answers with an object
	uploads int   // uploads that remain to be accepted; -1: all
}

// StartS3 starts a server until the end of the test. It sets the environment variables of
// the credentials, which the server does not check.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	s := &S3{TB: t, backend: s3mem.New(), uploads: -1}
	fake := gofakes3.New(s.backend).Server()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && !s.accepts() {
			_, _ = io.Copy(io.Discard, r.Body) // otherwise the client sees a connection that is cut
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fake.ServeHTTP(s.answer(w, r), r)
	}))
	t.Cleanup(server.Close)
	s.Endpoint = server.URL
	if err := s.backend.CreateBucket(Bucket); err != nil {
		t.Fatal(err)
	}
	return s
}

// URL is the location of a key, or of a pattern.
func (s *S3) URL(key string) string {
	return "s3://" + Bucket + "/" + key + "?endpoint=" + url.QueryEscape(s.Endpoint)
}

// Put stores an object.
func (s *S3) Put(key string, content []byte) {
	s.Helper()
	if _, err := s.backend.PutObject(Bucket, key, map[string]string{"Last-Modified": "Mon, 2 Jan 2006 15:04:05 GMT"}, bytes.NewReader(content), int64(len(content)), nil); err != nil {
		s.Fatal(err)
	}
}

// Cut closes the connection of the next answers with an object, each after so many bytes
// of it.
func (s *S3) Cut(answers int, after int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cuts, s.after = answers, after
}

// RefuseUploads answers with status 503 to every upload of an object or of a part, after so
// many.
func (s *S3) RefuseUploads(after int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.uploads = after
}

func (s *S3) accepts() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.uploads > 0 {
		s.uploads--
		return true
	}
	return s.uploads < 0
}

// Keys are the keys of all objects.
func (s *S3) Keys() []string {
	s.Helper()
	list, err := s.backend.ListBucket(Bucket, nil, gofakes3.ListBucketPage{})
	if err != nil {
		s.Fatal(err)
	}
	var keys []string
	for _, object := range list.Contents {
		keys = append(keys, object.Key)
	}
	return keys
}

// Reads is the number of answers with an object so far.
func (s *S3) Reads() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

// answer decorates the answer to a request for an object.
func (s *S3) answer(w http.ResponseWriter, r *http.Request) http.ResponseWriter {
	if r.Method != http.MethodGet || strings.Count(r.URL.Path, "/") < 2 || r.URL.Query().Has("list-type") {
		return w
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if s.cuts == 0 {
		return w
	}
	s.cuts--
	return &cutAnswer{ResponseWriter: w, left: s.after}
}

// cutAnswer ends the connection in the middle of the body. The header still announces the
// whole.
type cutAnswer struct {
	http.ResponseWriter
	left int64
}

func (c *cutAnswer) Write(p []byte) (int, error) {
	length, err := strconv.ParseInt(c.Header().Get("Content-Length"), 10, 64)
	if err == nil && length <= c.left {
		return c.ResponseWriter.Write(p) // the range is shorter than the cut
	}
	n := min(int64(len(p)), c.left)
	c.left -= n
	if _, err := c.ResponseWriter.Write(p[:n]); err != nil {
		return 0, err
	}
	if c.left == 0 {
		if f, ok := c.ResponseWriter.(http.Flusher); ok {
			f.Flush()
		}
		panic(http.ErrAbortHandler)
	}
	return int(n), nil
}
