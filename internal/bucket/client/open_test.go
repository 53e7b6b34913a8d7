package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"gocloud.dev/blob"

	"github.com/pianola/pianola/internal/bucket"
	"github.com/pianola/pianola/internal/bucket/client"
	"github.com/pianola/pianola/internal/sandbox/testbed/buckets"
)

func location(t *testing.T, url string) bucket.Location {
	t.Helper()
	l, err := bucket.Parse(url)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func open(t *testing.T, l bucket.Location) *blob.Bucket {
	t.Helper()
	b, err := client.Open(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

// TestOpen_WritesAndReads is the same for both kinds of buckets.
func TestOpen_WritesAndReads(t *testing.T) {
	for name, start := range map[string]func(testing.TB) string{
		"s3":  func(t testing.TB) string { return buckets.StartS3(t).URL("a/b c.csv") },
		"gcs": func(t testing.TB) string { return buckets.StartGCS(t).URL("a/b c.csv") },
	} {
		t.Run(name, func(t *testing.T) {
			l := location(t, start(t))
			b := open(t, l)
			if err := b.WriteAll(t.Context(), l.Key, []byte("content"), nil); err != nil {
				t.Fatal(err)
			}
			got, err := b.ReadAll(t.Context(), l.Key)
			if err != nil || string(got) != "content" {
				t.Fatalf("%q, %v", got, err)
			}
			about, err := b.Attributes(t.Context(), l.Key)
			if err != nil || about.Size != 7 || about.ETag == "" {
				t.Errorf("%+v, %v", about, err)
			}
			_, err = b.ReadAll(t.Context(), "missing")
			var explained *client.Error
			if !errors.As(client.Explain(err), &explained) || !explained.Missing || explained.Temporary {
				t.Errorf("missing: %v", client.Explain(err))
			}
		})
	}
}

func TestOpen_WithoutCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GOOGLE_APPLICATION_CREDENTIALS", "AWS_REGION"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("GCE_METADATA_HOST", "127.0.0.1:1") // nothing listens there
	for url, want := range map[string]string{
		"s3://b/k?region=eu-north-1": "set AWS_ACCESS_KEY_ID",
		"s3://b/k":                   "set AWS_REGION",
		"s3://b/k?region=a&use_path_style=perhaps": "use_path_style must be true or false",
		"s3://b/k?region=a&dualstack=perhaps":      "check the parameters of the URL",
		"gs://b/k?anonymous=perhaps":               "anonymous must be true or false",
	} {
		b, err := client.Open(t.Context(), location(t, url))
		if err == nil {
			_ = b.Close()
			t.Errorf("%s: opened", url)
			continue
		}
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", url, err)
		}
	}
	open(t, location(t, "s3://b/k?region=eu-north-1&anonymous=true"))
	open(t, location(t, "s3://b/k?region=eu-north-1&anonymous=1"))
	open(t, location(t, "gs://b/k?anonymous=true"))
}

func TestExplain_NoServer(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	b := open(t, location(t, "s3://b/k?endpoint=http://127.0.0.1:1"))
	_, err := b.ReadAll(t.Context(), "k")
	var explained *client.Error
	if !errors.As(client.Explain(err), &explained) || !explained.Temporary || !strings.Contains(explained.Cause, "refuses the connection") || strings.Contains(explained.Cause, "127.0.0.1") {
		t.Errorf("%v", client.Explain(err))
	}
}

func TestExplain_KeepsTheEndOfTheContext(t *testing.T) {
	s := buckets.StartS3(t)
	b := open(t, location(t, s.URL("k")))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.ReadAll(ctx, "k")
	if !errors.Is(client.Explain(err), context.Canceled) {
		t.Errorf("%v", err)
	}
}

func TestBuckets_OpensEachOnce(t *testing.T) {
	s := buckets.StartS3(t)
	var all client.Buckets
	first, err := all.Get(t.Context(), location(t, s.URL("a")))
	if err != nil {
		t.Fatal(err)
	}
	second, err := all.Get(t.Context(), location(t, s.URL("b")))
	if err != nil || first != second {
		t.Errorf("two buckets: %v", err)
	}
	other, err := all.Get(t.Context(), location(t, s.URL("b")+"&region=eu-north-1"))
	if err != nil || other == first {
		t.Errorf("one bucket for two regions: %v", err)
	}
	if err := all.Close(); err != nil {
		t.Error(err)
	}
}
