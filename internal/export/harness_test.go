package export_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/schemas"
)

var services testbed.Servers

func TestMain(m *testing.M) { os.Exit(services.Run(m)) }

// fixture is a database with an exporter.
type fixture struct {
	*testbed.Fixture
	conn   driver.Conn
	config export.Config
	stdout strings.Builder
}

func newFixture(t *testing.T, c testbed.Config) *fixture {
	t.Helper()
	c.Protocol = "native"
	f := &fixture{Fixture: services.Fixture(t, c), config: export.Defaults()}
	f.conn = f.connect(f.Settings.Export.ClickHouseAddr[0])
	return f
}

// connect opens a connection for exports to an address.
func (f *fixture) connect(addr string) driver.Conn {
	f.Helper()
	settings := f.Settings
	settings.Export.ClickHouseAddr = []string{addr}
	conn, err := clickhouse.Open(settings.ExportOptions())
	f.Must(err)
	f.Cleanup(func() { _ = conn.Close() })
	return conn
}

// exporter has the connection of the fixture.
func (f *fixture) exporter() *export.Exporter { return f.over(f.conn) }

func (f *fixture) over(conn driver.Conn) *export.Exporter {
	f.Helper()
	e, err := export.New(f.config, export.Deps{
		Conn: conn, Tables: schemas.Options{Database: f.Topic}, Stdout: &f.stdout, Now: time.Now, Log: zap.NewNop(),
	})
	f.Must(err)
	return e
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
	m, err := f.exporter().Run(f.Context(), f.request(a))
	f.Must(err)
	if m.NothingExported != "" {
		f.Fatal(m.NothingExported)
	}
	return m
}

// names are the files of a directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

// digest is the size and the hash of a file.
func digest(t testing.TB, path string) (int64, string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	hash := sha256.New()
	n, err := io.Copy(hash, f)
	if err != nil {
		t.Fatal(err)
	}
	return n, hex.EncodeToString(hash.Sum(nil))
}

// load puts files back into a table, by ClickHouse's own reader of the format.
func (f *fixture) load(dir, table string, m *export.Manifest, files []export.File) {
	f.Helper()
	format := map[export.Format]string{export.Parquet: "Parquet", export.CSV: "CSVWithNames", export.NDJSON: "JSONEachRow"}[m.Format]
	for _, file := range files {
		in, err := os.Open(filepath.Join(dir, file.Name))
		f.Must(err)
		ctx := clickhouse.Context(f.Context(), clickhouse.WithSettings(clickhouse.Settings{
			"date_time_input_format": "best_effort", "format_csv_null_representation": "", "input_format_csv_empty_as_default": "1", "max_partitions_per_insert_block": "0",
			"input_format_defaults_for_omitted_fields": "0",
		}))
		err = f.conn.InsertFormat(ctx, format, "INSERT INTO "+f.Topic+"."+table, in)
		_ = in.Close()
		f.Must(err)
	}
}
