package avro_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/big"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	hamba "github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/ocf"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/schemas/avro"
)

// server is shared by the tests of the package.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

func schemaOf(t *testing.T, o schemas.Object) hamba.Schema {
	t.Helper()
	text, err := avro.Row(o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := hamba.ParseBytes(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestRow_DescribesEveryTableAndView: each schema is valid, with every column and comment.
func TestRow_DescribesEveryTableAndView(t *testing.T) {
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		s, ok := schemaOf(t, o).(*hamba.RecordSchema)
		if !ok {
			t.Fatalf("%s is not a record", o.Name)
		}
		if s.FullName() != "pianola."+o.Name || s.Doc() != o.Comment || len(s.Fields()) != len(o.Columns) {
			t.Errorf("%s: name %s, doc %q, %d fields", o.Name, s.FullName(), s.Doc(), len(s.Fields()))
		}
		for i, c := range o.Columns {
			f := s.Fields()[i]
			union, nullable := f.Type().(*hamba.UnionSchema)
			if f.Name() != c.Name || f.Doc() != c.Comment || nullable != schemas.ParseColumnType(c.Type).Nullable ||
				nullable && (!union.Nullable() || !f.HasDefault() || f.Default() != nil) {
				t.Errorf("%s.%s is %s", o.Name, c.Name, f)
			}
		}
	}
}

// fullRow and leastRow have a value in each column, and as few as possible. ClickHouse itself
// writes UInt32 as an int of Avro, so source_epoch has no larger value here.
func fullRow() map[string]any {
	at := time.Date(2026, 1, 31, 23, 59, 59, 123e6, time.UTC)
	return map[string]any{
		"event_id": "620b87ed-361d-2864-4b09-971388a41464", "subscription_id": "RC0A1B2C3D", "user_id": "u17", "event_timestamp": at,
		"subscription_action": schemas.Renewed, "event_name": "subscription_event", "resource_name": "Nyheder – Ægte",
		"next_billed_at": at.AddDate(0, 1, 0), "billing_period": "1 month", "term_type": "payment", "term_name": "Monthly",
		"transaction_value": big.NewRat(-995001, 10000), "trial_period_ended_at": at, "trial_duration": "14 days",
		"billing_country_code": "DK", "subscription_period_number": 3, "payment_mode": "Invoice",
		"upgrade_to_subscription_id": "RC2", "user_email_hash_sha256": strings.Repeat("ab", 32), "is_internal_user": true,
		"experience_name": "Paywall", "subscription_action_raw": "renewed", "version": int64(math.MaxInt64), "synced_at": at,
		"source": "kafka", "source_name": "piano", "source_epoch": int64(math.MaxInt32), "source_partition": 7,
		"source_offset": int64(1)<<62 + 1, "is_deleted": 0,
	}
}

func leastRow() map[string]any {
	row := fullRow()
	for name, value := range map[string]any{"event_id": "ac55a7bb-8fb5-7864-bb36-8adb0403b127", "user_id": "", "is_internal_user": false} {
		row[name] = value
	}
	for _, c := range schemas.EventColumns() {
		if schemas.ParseColumnType(c.Type).Nullable {
			row[c.Name] = nil
		}
	}
	return row
}

// TestRow_CarriesAnEvent: rows written by the schema come back equal, and so they do after
// ClickHouse has read them into the table and written them again.
func TestRow_CarriesAnEvent(t *testing.T) {
	table, err := schemas.FindObject("subscription_events")
	if err != nil {
		t.Fatal(err)
	}
	schema := schemaOf(t, table)
	want := []map[string]any{fullRow(), leastRow()}
	var file bytes.Buffer
	writer, err := ocf.NewEncoderWithSchema(schema, &file)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range want {
		if len(row) != len(table.Columns) {
			t.Fatalf("the test's row has %d columns, the table %d", len(row), len(table.Columns))
		}
		if err := writer.Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	compare(t, "read back", rows(t, bytes.NewReader(file.Bytes())), want)

	_, o := server.Database(t)
	ask(t, "INSERT INTO "+o.Table(table.Name)+" FORMAT Avro", &file)
	answer := ask(t, "SELECT * FROM "+o.Table(table.Name)+" ORDER BY event_id FORMAT Avro SETTINGS output_format_avro_string_column_pattern = '.*'", nil)
	compare(t, "through ClickHouse", rows(t, bytes.NewReader(answer)), want)
}

// rows reads a container file by its own schema.
func rows(t *testing.T, file io.Reader) (all []map[string]any) {
	t.Helper()
	reader, err := ocf.NewDecoder(file)
	if err != nil {
		t.Fatal(err)
	}
	for reader.HasNext() {
		var row map[string]any
		if err := reader.Decode(&row); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := reader.Error(); err != nil {
		t.Fatal(err)
	}
	return all
}

func compare(t *testing.T, what string, got, want []map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d rows, want %d", what, len(got), len(want))
	}
	for i := range want {
		for name, value := range want[i] {
			if !equal(got[i][name], value) {
				t.Errorf("%s: row %d, %s is %v (%T), want %v", what, i, name, got[i][name], got[i][name], value)
			}
		}
	}
}

func equal(got, want any) bool {
	if amount, ok := want.(*big.Rat); ok {
		read, ok := got.(*big.Rat)
		return ok && amount.Cmp(read) == 0
	}
	if at, ok := want.(time.Time); ok {
		read, ok := got.(time.Time)
		return ok && at.Equal(read)
	}
	return reflect.DeepEqual(got, want) || got != nil && want != nil && fmt.Sprint(got) == fmt.Sprint(want)
}

// ask sends a query over HTTP with data behind it.
func ask(t *testing.T, query string, data io.Reader) []byte {
	t.Helper()
	parameters := url.Values{"query": {query}, "date_time_output_format": {"iso"}, "output_format_json_quote_64bit_integers": {"0"}}
	return server.Post(t, parameters, data)
}
