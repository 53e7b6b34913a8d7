package export

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/schemas"
)

// TestExporter_WithoutBuckets: a process without the clients of buckets says so.
func TestExporter_WithoutBuckets(t *testing.T) {
	e, err := New(Defaults(), Deps{Tables: schemas.Options{Database: "piano"}, Now: time.Now, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	r, err := Arguments{View: "stream", To: "s3://lake/piano", Format: "csv"}.Parse(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Latest(t.Context(), r); err == nil || !strings.Contains(err.Error(), "no client for buckets") {
		t.Errorf("got %v", err)
	}
}
