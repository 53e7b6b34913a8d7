package jsonschema_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/schemas/jsonschema"
	"github.com/pianola/pianola/transform"
)

// server is shared by the tests of the package.
var server engine.Engine

func TestMain(m *testing.M) { os.Exit(server.Run(m)) }

// TestEvent_AgreesWithTheVectors: every event that `pianola transform` prints is valid, and
// none with a column more, less or of another type.
func TestEvent_AgreesWithTheVectors(t *testing.T) {
	text, err := jsonschema.Event()
	s, w := compiled(t, text, err), worker(t)
	all, now := vectors(t)
	events := 0
	for _, c := range all {
		result := w.Apply(c.message, now)
		if result.Outcome != transform.Stored {
			continue
		}
		events++
		var line struct{ Event json.RawMessage }
		if err := json.Unmarshal(result.AppendJSON(nil), &line); err != nil {
			t.Fatal(err)
		}
		if err := matches(s, line.Event); err != nil {
			t.Errorf("%s: %v", c.note, err)
		}
		if events == 1 {
			refusesFaults(t, s, line.Event)
		}
	}
	if events < 200 {
		t.Errorf("only %d events were compared", events)
	}
}

// refusesFaults plants faults in each member of a valid row.
func refusesFaults(t *testing.T, s interface{ Validate(any) error }, row []byte) {
	t.Helper()
	decode := func() map[string]any {
		d := json.NewDecoder(bytes.NewReader(row))
		d.UseNumber()
		var members map[string]any
		if err := d.Decode(&members); err != nil {
			t.Fatal(err)
		}
		return members
	}
	for name := range decode() {
		without := decode()
		delete(without, name)
		if s.Validate(without) == nil {
			t.Errorf("valid without %s", name)
		}
		// A number with a fraction, and an array in what is no array, fit nowhere but in
		// amounts; true fits in flags only.
		refused := 0
		for _, value := range []any{json.Number("0.00001"), json.Number("1e30"), []any{[]any{}}, true, "x y", map[string]any{"x": []any{}}} {
			wrong := decode()
			wrong[name] = value
			if s.Validate(wrong) != nil {
				refused++
			}
		}
		if refused < 4 {
			t.Errorf("%s takes %d of 6 values of wrong types", name, 6-refused)
		}
	}
	more := decode()
	more["another"] = nil
	if s.Validate(more) == nil {
		t.Error("valid with another column")
	}
}

// TestRow_AgreesWithTheServersJSON: rows of random values of every table and view are
// valid as the server writes them.
func TestRow_AgreesWithTheServersJSON(t *testing.T) {
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		t.Run(o.Name, func(t *testing.T) {
			text, err := jsonschema.Row(o)
			s := compiled(t, text, err)
			var structure []string
			for _, c := range o.Columns {
				structure = append(structure, c.Name+" "+c.Type)
			}
			query := fmt.Sprintf("SELECT * FROM generateRandom('%s', 1, 8, 3) LIMIT 60 FORMAT JSONEachRow",
				strings.ReplaceAll(strings.Join(structure, ", "), "'", `\'`))
			lines := slices.Collect(bytes.Lines(ask(t, query)))
			if len(lines) != 60 {
				t.Fatalf("%d rows", len(lines))
			}
			for _, line := range lines {
				if err := matches(s, line); err != nil {
					t.Fatalf("%v\n%s", err, line)
				}
			}
			refusesFaults(t, s, lines[0])
		})
	}
}

// ask sends a query over HTTP, with the settings of an NDJSON export.
func ask(t *testing.T, query string) []byte {
	t.Helper()
	settings := url.Values{"date_time_output_format": {"iso"}, "output_format_json_quote_64bit_integers": {"0"},
		"output_format_json_quote_decimals": {"0"}, "output_format_json_quote_denormals": {"0"}}
	return server.Post(t, settings, strings.NewReader(query))
}
