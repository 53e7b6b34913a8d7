package objects_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/export/objects"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/buckets"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// fixture is a database with a stream, and an exporter.
type fixture struct {
	*testbed.Fixture
	exporter *export.Exporter
}

func newFixture(t *testing.T, seed uint64, subscribers int) *fixture {
	t.Helper()
	f := &fixture{Fixture: services.Fixture(t, testbed.Config{Protocol: "native", Seed: seed, Subscribers: subscribers})}
	conn, err := clickhouse.Open(f.Settings.ExportOptions())
	f.Must(err)
	t.Cleanup(func() { _ = conn.Close() })
	f.exporter, err = export.New(export.Defaults(), export.Deps{
		Conn: conn, Tables: schemas.Options{Database: f.Topic}, Bucket: objects.Open, Now: time.Now, Log: zap.NewNop(),
	})
	f.Must(err)
	f.Publish()
	f.Ingest()
	return f
}

// request parses the words of a command.
func (f *fixture) request(a export.Arguments) export.Request {
	f.Helper()
	r, err := a.Parse(time.Now())
	f.Must(err)
	return r
}

// run exports and must succeed.
func (f *fixture) run(a export.Arguments) *export.Manifest {
	f.Helper()
	m, err := f.exporter.Run(f.Context(), f.request(a))
	f.Must(err)
	if m.NothingExported != "" {
		f.Fatal(m.NothingExported)
	}
	return m
}

// TestExporter_Bucket exports into buckets of both kinds, and continues from the manifest
// there.
func TestExporter_Bucket(t *testing.T) {
	f := newFixture(t, 33, 100)
	for name, start := range map[string]func(testing.TB) string{
		"s3":  func(t testing.TB) string { return buckets.StartS3(t).URL("lake/piano") },
		"gcs": func(t testing.TB) string { return buckets.StartGCS(t).URL("lake/piano") },
	} {
		t.Run(name, func(t *testing.T) {
			f := &fixture{f.In(t), f.exporter}
			last := export.Arguments{View: "stream", To: start(t), Format: "parquet", Since: "last", PartitionBy: "month"}
			first := f.run(last)
			second := f.run(last)
			if first.Rows == 0 || len(first.Files) < 2 || second.Since == nil || second.Since.Previous != first.Name || second.Rows != first.Rows {
				t.Errorf("first %+v, second %+v", first, second)
			}
			if strings.Contains(first.To, "?") || !strings.HasSuffix(first.To, "/lake/piano/") {
				t.Errorf("the destination is %s", first.To)
			}
			newest, err := f.exporter.Latest(t.Context(), f.request(last))
			if err != nil || newest.Name != second.Name {
				t.Errorf("the newest is %+v, %v", newest, err)
			}
		})
	}
}

// TestExporter_BucketFailsHalfWay: wherever uploads begin to fail, no object of the export
// remains, and the error says what happened.
func TestExporter_BucketFailsHalfWay(t *testing.T) {
	tier.Full(t, "waits for the retries of the library")
	f := newFixture(t, 34, 50)
	f.Exec("CREATE VIEW export_large AS SELECT number AS n, hex(SHA512(toString(number))) AS text FROM numbers(400000)")
	s3 := buckets.StartS3(t)
	large := export.Arguments{View: "export_large", To: s3.URL("lake"), Format: "ndjson"} // some 60 MiB, in parts
	months := export.Arguments{View: "stream", To: s3.URL("lake"), Format: "csv", PartitionBy: "month"}
	complete := f.run(months)
	before := s3.Keys()
	for accepted, a := range map[int]export.Arguments{1: large, 3: months, len(complete.Files): months} {
		s3.RefuseUploads(accepted)
		_, err := f.exporter.Run(t.Context(), f.request(a))
		if err == nil || !strings.Contains(err.Error(), "status 503") {
			t.Errorf("%d uploads: %v", accepted, err)
		}
		if after := s3.Keys(); !slices.Equal(before, after) {
			t.Errorf("%d uploads: the bucket has %v", accepted, after)
		}
	}
	s3.RefuseUploads(-1)
	f.run(large)
}
