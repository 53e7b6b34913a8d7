package export_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// large is a view of some 60 MiB.
const large = "CREATE VIEW export_large AS SELECT number AS n, hex(SHA512(toString(number))) AS text FROM numbers(400000)"

// TestExporter_CutAnswer: a connection that ends in the middle leaves no file, in any
// format.
func TestExporter_CutAnswer(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec(large)
	line := toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "cut", "127.0.0.1:0", f.Settings.Export.ClickHouseAddr[0])
	f.Must(line.Start())
	t.Cleanup(line.Stop)
	for _, format := range export.Formats() {
		t.Run(string(format), func(t *testing.T) {
			dir := t.TempDir()
			e := f.over(f.connect(line.Listen))
			if _, err := e.Latest(t.Context(), f.request(export.Arguments{View: "export_large", To: dir, Format: string(format)})); err != nil {
				t.Fatal(err)
			}
			_, err := line.Toxics.AddToxicJson(strings.NewReader(`{"name":"cut","type":"limit_data","stream":"downstream","attributes":{"bytes":10000000}}`))
			f.Must(err)
			_, err = e.Run(t.Context(), f.request(export.Arguments{View: "export_large", To: dir, Format: string(format)}))
			f.Must(line.Toxics.RemoveToxic(t.Context(), "cut"))
			if err == nil || !strings.Contains(err.Error(), "read from clickhouse") {
				t.Errorf("%v", err)
			}
			if there := names(t, dir); len(there) > 0 {
				t.Errorf("the directory has %v", there)
			}
		})
	}
}

// TestExporter_FailedQuery: a query that fails after many rows leaves no file. The answer
// has begun with status 200 then. The error has the code and no value.
func TestExporter_FailedQuery(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec("CREATE VIEW export_broken AS SELECT n, throwIf(n = 390000, 'canary') AS x, text FROM (SELECT number AS n, hex(SHA512(toString(number))) AS text FROM numbers(400000)) SETTINGS max_threads = 1")
	for _, format := range export.Formats() {
		dir := t.TempDir()
		_, err := f.exporter().Run(t.Context(), f.request(export.Arguments{View: "export_broken", To: dir, Format: string(format)}))
		if err == nil || !strings.Contains(err.Error(), "code 395") || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", format, err)
		}
		if there := names(t, dir); len(there) > 0 {
			t.Errorf("%s: the directory has %v", format, there)
		}
	}
}

// TestExporter_Canceled: an interrupted export leaves no file.
func TestExporter_Canceled(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec("CREATE VIEW export_endless AS SELECT number AS n FROM numbers(100000000000)")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	dir := t.TempDir()
	run := testbed.Go(t, func(context.Context) error {
		_, err := f.exporter().Run(ctx, f.request(export.Arguments{View: "export_endless", To: dir, Format: "csv"}))
		return err
	})
	f.Eventually("bytes of the file", func() bool { return len(names(t, dir)) == 2 }, run)
	cancel()
	if err := run.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if there := names(t, dir); len(there) > 0 {
		t.Errorf("the directory has %v", there)
	}
}

// TestExporter_Redirect: the password is in the request, so it does not follow.
func TestExporter_Redirect(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	front := httptest.NewServer(http.RedirectHandler("http://"+f.Settings.Export.ClickHouseAddr[0], http.StatusTemporaryRedirect))
	t.Cleanup(front.Close)
	dir := t.TempDir()
	_, err := f.over(f.connect(strings.TrimPrefix(front.URL, "http://"))).Run(t.Context(), f.request(export.Arguments{View: "stream", To: dir, Format: "csv"}))
	if err == nil || !strings.Contains(err.Error(), "redirects to another address, which is not followed") {
		t.Errorf("%v", err)
	}
}

// TestExporter_BesideAnother: exports into one directory at the same time do not disturb
// each other, and leave nothing but complete exports.
func TestExporter_BesideAnother(t *testing.T) {
	f := newFixture(t, testbed.Config{Seed: 32, Subscribers: 100})
	f.Publish()
	f.Ingest()
	dir := t.TempDir()
	request := f.request(export.Arguments{View: "stream", To: dir, Format: "parquet", PartitionBy: "month", Since: "last"})
	var all sync.WaitGroup
	made := make([]*export.Manifest, 6)
	for i := range made {
		all.Go(func() {
			var err error
			if made[i], err = f.exporter().Run(t.Context(), request); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	files := 0
	for _, m := range made {
		if m == nil || m.Rows == 0 {
			t.Fatalf("%+v", m)
		}
		files += len(m.Files) + 1
	}
	if there := names(t, dir); len(there) != files {
		t.Errorf("%d files in the directory, %d in the manifests", len(there), files)
	}
}
