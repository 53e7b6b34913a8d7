package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// TestExporter_FilesEqualTheView exports a world in every format, whole and by month, and
// loads the files into a table: it equals the view in both directions. The manifest says
// what the files contain.
func TestExporter_FilesEqualTheView(t *testing.T) {
	f := newFixture(t, testbed.Config{Seed: 31, Subscribers: 300})
	f.Publish()
	f.Ingest()
	for _, format := range export.Formats() {
		for _, by := range []string{"", "month"} {
			t.Run(string(format)+" "+by, func(t *testing.T) {
				f, dir := f, t.TempDir()
				m := f.run(export.Arguments{View: "stream", To: dir, Format: string(format), PartitionBy: by})
				table := "loaded_" + string(format) + "_" + by
				f.Exec("CREATE TABLE " + table + " AS piano_subscriber_event_stream ENGINE = MergeTree ORDER BY tuple()")
				f.load(dir, table, m, m.Files)
				var missing, months uint64
				var more int64
				f.One(fmt.Sprintf(`SELECT (SELECT count() FROM (SELECT * FROM piano_subscriber_event_stream EXCEPT SELECT * FROM %[1]s)),
					(SELECT count() FROM %[1]s) - (SELECT count() FROM piano_subscriber_event_stream), (SELECT uniqExact(toYYYYMM(event_timestamp)) FROM %[1]s)`, table), &missing, &more, &months)
				if missing != 0 || more != 0 {
					t.Errorf("%d rows of the view are not in the files, which have %d more", missing, more)
				}
				if want := map[string]int{"": 1, "month": int(months)}[by]; len(m.Files) != want {
					t.Errorf("%d files, want %d", len(m.Files), want)
				}
				f.wantTrue(t, dir, table, m)
			})
		}
	}
}

// wantTrue compares a manifest with its files and with the table into which they were
// loaded.
func (f *fixture) wantTrue(t *testing.T, dir, table string, m *export.Manifest) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, m.Name))
	if err != nil {
		t.Fatal(err)
	}
	var written export.Manifest
	if err := json.Unmarshal(text, &written); err != nil {
		t.Fatal(err)
	}
	var rows uint64
	var times [4]string
	f.One("SELECT count(), "+strings.Join([]string{form("min(event_timestamp)"), form("max(event_timestamp)"), form("min(synced_at)"), form("max(synced_at)")}, ", ")+" FROM "+table,
		&rows, &times[0], &times[1], &times[2], &times[3])
	got := [4]string{written.Partition.Min.String(), written.Partition.Max.String(), written.Sync.Min.String(), written.Sync.Max.String()}
	if written.Rows != rows || got != times || written.Partition.Name != "event_timestamp" || written.Sync.Name != "synced_at" {
		t.Errorf("the manifest has %d rows of %v, the files have %d of %v", written.Rows, got, rows, times)
	}
	var sum uint64
	var bytes int64
	listed := []string{m.Name}
	for _, file := range written.Files {
		size, hash := digest(t, filepath.Join(dir, file.Name))
		if size != file.Bytes || hash != file.SHA256 {
			t.Errorf("%s: %d bytes with hash %s, the manifest has %d and %s", file.Name, size, hash, file.Bytes, file.SHA256)
		}
		sum, bytes, listed = sum+file.Rows, bytes+file.Bytes, append(listed, file.Name)
		if m.PartitionBy == "month" && !strings.HasPrefix(file.Partition.Min.String(), file.Month) {
			t.Errorf("%s has times from %s", file.Name, file.Partition.Min)
		}
	}
	if sum != rows || bytes != written.Bytes {
		t.Errorf("the files have %d rows and %d bytes, the manifest has %d and %d", sum, bytes, rows, written.Bytes)
	}
	slices.Sort(listed)
	if there := names(t, dir); !slices.Equal(there, listed) {
		t.Errorf("the directory has %v, the manifest lists %v", there, listed)
	}
	if len(written.Columns) != 21 || written.Columns[2].Type != export.Timestamp || written.Columns[10].Type != export.Float || written.Columns[18].Type != export.Boolean || written.Columns[0].Description == "" {
		t.Errorf("columns: %+v", written.Columns)
	}
	if strings.Join(written.Key, ",") != "subscription_id,event_timestamp,subscription_action" || written.Watermark.String() <= times[3] {
		t.Errorf("key %v, watermark %s", written.Key, written.Watermark)
	}
}

// form is a time as in files.
func form(expression string) string {
	return "concat(replaceOne(toString(" + expression + "), ' ', 'T'), 'Z')"
}

// TestExporter_ParquetTypes: the documented types, as readers find them in a file.
func TestExporter_ParquetTypes(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	dir := t.TempDir()
	m := f.run(export.Arguments{View: "stream", To: dir, Format: "parquet"})
	in, err := os.Open(filepath.Join(dir, m.Files[0].Name))
	f.Must(err)
	defer in.Close()
	file, err := parquet.OpenFile(in, m.Files[0].Bytes)
	f.Must(err)
	fields := file.Schema().Fields()
	if len(fields) != len(m.Columns) {
		t.Fatalf("%d fields", len(fields))
	}
	for i, field := range fields {
		c := m.Columns[i]
		want := map[export.Type]string{
			export.String: "STRING", export.Timestamp: "TIMESTAMP(isAdjustedToUTC=true,unit=MILLIS)", export.Float: "DOUBLE", export.Integer: "INT32", export.Boolean: "BOOLEAN",
		}[c.Type]
		got := field.Type().String()
		if logical := field.Type().LogicalType(); logical != nil {
			got = logical.String()
		}
		if c.Type == export.Integer && field.Type().Kind() == parquet.Int32 {
			got = "INT32"
		}
		if field.Name() != c.Name || got != want || field.Optional() != c.Nullable || field.Repeated() {
			t.Errorf("column %d: %s is %s (optional %v), want %s as %s (optional %v)", i, field.Name(), got, field.Optional(), c.Name, want, c.Nullable)
		}
	}
}

// TestExporter_TextForms: times, NULL and empty text in files of text.
func TestExporter_TextForms(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec(`INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, resource_name, transaction_value, is_internal_user, synced_at, version)
		VALUES (generateUUIDv4(), 'a"b,c', '2026-01-31 23:00:00.5', 'Created', 'two\nlines', 12.5, false, '2026-02-01 00:00:00', 1)`)
	dir := t.TempDir()
	for format, want := range map[string]string{
		"csv": `"a""b,c","","2026-01-31T23:00:00.500Z","Created",,"two
lines",,,,,12.5,,,,,,,,false,,"2026-02-01T00:00:00.000Z"
`,
		"ndjson": `{"subscription_id":"a\"b,c","user_id":"","event_timestamp":"2026-01-31T23:00:00.500Z","subscription_action":"Created","event_name":null,"resource_name":"two\nlines",` +
			`"next_billed_at":null,"billing_period":null,"term_type":null,"term_name":null,"transaction_value":12.5,"trial_period_ended_at":null,"trial_duration":null,"billing_country_code":null,` +
			`"subscription_period_number":null,"payment_mode":null,"upgrade_to_subscription_id":null,"user_email_hash_sha256":null,"is_internal_user":false,"experience_name":null,"synced_at":"2026-02-01T00:00:00.000Z"}
`,
	} {
		m := f.run(export.Arguments{View: "stream", To: dir, Format: format})
		got, err := os.ReadFile(filepath.Join(dir, m.Files[0].Name))
		f.Must(err)
		if format == "csv" {
			_, after, _ := strings.Cut(string(got), "\n")
			got = []byte(after)
		}
		if string(got) != want || m.Rows != 1 {
			t.Errorf("%s: %d rows: %s", format, m.Rows, got)
		}
	}
}

// TestExporter_StandardOutput: one file, and nothing else.
func TestExporter_StandardOutput(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	f.Exec(`INSERT INTO subscription_events (event_id, subscription_id, event_timestamp, subscription_action, synced_at, version)
		SELECT generateUUIDv4(), toString(number), '2026-01-31 23:00:00', 'Created', now64(3), 1 FROM numbers(5)`)
	m := f.run(export.Arguments{View: "stream", To: "-", Format: "ndjson"})
	if got := strings.Count(f.stdout.String(), "\n"); got != 5 || m.Rows != 5 || m.Files[0].Bytes != int64(f.stdout.Len()) {
		t.Errorf("%d lines, %+v", got, m)
	}
}

// TestExporter_ViewsOfYourOwn: what may leave is a closed set, and the names of own views
// say that they may.
func TestExporter_ViewsOfYourOwn(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	for _, name := range []string{"dead_letters", "subscription_events", "subscription_events_local", "ingest_ledger", "internal_subscriptions",
		"filtered_subscriptions", "subscription_snapshots", "subscription_snapshot_traits", "drift", "actions_log", "system.users", "export_", "export_x; DROP", "nothing", ""} {
		if _, err := export.ParseView(name); err == nil || !strings.Contains(err.Error(), "never exported") {
			t.Errorf("%s: %v", name, err)
		}
	}
	f.Exec("CREATE VIEW export_types AS SELECT toUUID('6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d') AS id, toUInt64(7) AS n, CAST('x', 'Enum8(\\'x\\' = 1)') AS e, " +
		"toDateTime('2026-03-29 01:02:03', 'Europe/Oslo') AS at, toDecimal64(1.5, 4) AS price, toDate('2026-03-29') AS day, CAST(NULL, 'Nullable(Float32)') AS f, true AS b, 'text' AS synced_at")
	f.Exec("CREATE VIEW export_nested AS SELECT [1, 2] AS numbers")
	f.Exec("CREATE TABLE export_table (x Int32) ENGINE = Memory")
	dir := t.TempDir()
	m := f.run(export.Arguments{View: "export_types", To: dir, Format: "ndjson"})
	got, err := os.ReadFile(filepath.Join(dir, m.Files[0].Name))
	f.Must(err)
	if want := `{"id":"6f1e0f3a-5a51-4a7c-9d7e-0f2d0a4b1c2d","n":7,"e":"x","at":"2026-03-29T00:02:03.000Z","price":1.5,"day":"2026-03-29","f":null,"b":true,"synced_at":"text"}` + "\n"; string(got) != want {
		t.Errorf("got %s", got)
	}
	f.run(export.Arguments{View: "export_types", To: dir, Format: "parquet"})
	f.run(export.Arguments{View: "export_types", To: dir, Format: "csv"})
	for view, want := range map[string]string{
		"export_nested": "column numbers has a type that a flat file cannot hold", "export_table": "is not a plain view", "export_missing": "code 60 (UNKNOWN_TABLE)",
	} {
		if _, err := f.exporter().Run(t.Context(), f.request(export.Arguments{View: view, To: dir, Format: "csv"})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", view, err)
		}
	}
	if there := names(t, dir); len(there) != 6 {
		t.Errorf("refused exports have left files: %v", there)
	}
}

// TestExporter_EmptyView: an empty view gives a file without rows. If other tables say that
// there should be rows, it is a finding without a file.
func TestExporter_EmptyView(t *testing.T) {
	f := newFixture(t, testbed.Config{})
	dir := t.TempDir()
	for _, view := range []string{"stream", "snapshot", "traits", "analytics_events", "subscription_state"} {
		for _, format := range export.Formats() {
			if m := f.run(export.Arguments{View: view, To: dir, Format: string(format)}); m.Rows != 0 || len(m.Files) != 1 || m.Files[0].Bytes == 0 && format != export.NDJSON {
				t.Errorf("%s: %+v", view, m)
			}
		}
	}
	f.Exec("INSERT INTO ingest_ledger (source, source_name, kind, stored, synced_at, written_at) VALUES ('kafka', 't', 'flush', 7, now64(3), now64(3) - 120)")
	f.Exec("INSERT INTO snapshot_runs (snapshot_id, source, state, rows, written_at) VALUES (generateUUIDv4(), 'csv', 'complete', 7, now64(3) - 120)")
	before := names(t, dir)
	for _, view := range []string{"stream", "snapshot", "traits", "subscription_state"} {
		m, err := f.exporter().Run(t.Context(), f.request(export.Arguments{View: view, To: dir, Format: "csv"}))
		if err != nil || m.NothingExported == "" {
			t.Errorf("%s: %+v, %v", view, m, err)
		}
	}
	if after := names(t, dir); !slices.Equal(before, after) {
		t.Errorf("findings have left files: %v", after)
	}
}
