package schemas_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pianola/pianola/internal/piano/subscriptionlog"
	"github.com/pianola/pianola/schemas"
	"github.com/pianola/pianola/schemas/avro"
	"github.com/pianola/pianola/schemas/jsonschema"
)

// TestFormats_SayTheSame holds the DDL, the Go columns, JSON Schema, Avro, dbt, the data
// contract and the page of tables together.
func TestFormats_SayTheSame(t *testing.T) {
	objects, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	f := readFormats(t)
	for _, d := range f.disagreements(t, objects) {
		t.Error(d)
	}

	// A column that is added to the DDL alone is noticed, and so is one that is lost: in the
	// event table and in every view of dbt. TestDDL_DeclaresWhatIsInserted has other tables.
	for i, o := range objects {
		if f.dbt[o.Name] == nil && o.Name != "subscription_events" {
			continue
		}
		changed := slices.Clone(objects)
		changed[i].Columns = append(slices.Clone(o.Columns), schemas.DescribedColumn{Column: schemas.Column{Name: "surplus", Type: "String"}, Comment: "surplus"})
		if len(f.disagreements(t, changed)) == 0 {
			t.Errorf("a further column of %s is not noticed", o.Name)
		}
		changed[i].Columns = o.Columns[1:]
		if len(f.disagreements(t, changed)) == 0 {
			t.Errorf("a column of %s that is gone is not noticed", o.Name)
		}
	}
	further := append(slices.Clone(objects), schemas.Object{Name: "surplus", Kind: schemas.View, Columns: objects[0].Columns})
	if found := f.disagreements(t, further); len(found) < 2 {
		t.Errorf("a further view is noticed only in %q", found)
	}
}

// formats is everything that is compared with the catalogue.
type formats struct {
	dbt        map[string][]string // columns of the views that are sources
	message    []string            // fields of the JSON Schema of a message
	required   []string            // of these, the required ones
	contract   contract
	tablesPage []string // names in docs/tables.md
}

// contract are the lists of docs/contract.md.
type contract struct {
	fields   []string // the fields of a message, in the order of the table
	required []string
	stream   []string // the documented orders
	snapshot []string
	tables   []string // names of tables and views
	row      string   // the paragraphs about rows of subscription_events
}

func readFormats(t *testing.T) formats {
	t.Helper()
	f := formats{dbt: map[string][]string{}}
	text, err := jsonschema.Message()
	f.message, f.required = properties(t, text, err)
	var sources struct {
		Sources []struct {
			Tables []struct {
				Name    string
				Columns []struct{ Name string }
			}
		}
	}
	list, err := os.ReadFile("dbt/project/models/sources.yml")
	parse(t, yaml.Unmarshal, list, err, &sources)
	for _, table := range sources.Sources[0].Tables {
		for _, c := range table.Columns {
			f.dbt[table.Name] = append(f.dbt[table.Name], c.Name)
		}
	}
	f.contract = readContract(t)
	f.tablesPage = firstCells(section(t, "../docs/tables.md", "| read | for |", "\n\n"))
	return f
}

func parse(t *testing.T, unmarshal func([]byte, any) error, text []byte, err error, into any) {
	t.Helper()
	if err == nil {
		err = unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// properties are the names in their order, of which a JSON object keeps none in Go: YAML
// keeps it, and JSON is YAML.
func properties(t *testing.T, text []byte, err error) (names, required []string) {
	t.Helper()
	var schema struct {
		Properties yaml.Node
		Required   []string
	}
	parse(t, yaml.Unmarshal, text, err, &schema)
	for i := 0; i < len(schema.Properties.Content); i += 2 {
		names = append(names, schema.Properties.Content[i].Value)
	}
	return names, schema.Required
}

// section is the text of a page from a line on.
func section(t *testing.T, page, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n"+from)
	rest, _, ends := strings.Cut(rest, to)
	if !found || !ends {
		t.Fatalf("%s has no part from %q to %q", page, from, to)
	}
	return rest
}

var word = regexp.MustCompile("[a-z][a-z0-9_]*")

// firstCells are the names in the first cells of a Markdown table.
func firstCells(table string) (names []string) {
	for line := range strings.Lines(table) {
		if cell, _, found := strings.Cut(strings.TrimPrefix(line, "| "), " |"); found && !strings.HasPrefix(cell, "--") {
			names = append(names, word.FindAllString(cell, -1)...)
		}
	}
	return names
}

func readContract(t *testing.T) (c contract) {
	t.Helper()
	const page = "../docs/contract.md"
	fields := section(t, page, "| field | type | required | notes |", "\n\n")
	c.fields = firstCells(fields)
	for line := range strings.Lines(fields) {
		if cells := strings.Split(line, " | "); len(cells) > 2 && cells[2] == "yes" {
			c.required = append(c.required, firstCells(line)...)
		}
	}
	c.stream = word.FindAllString(section(t, page, "Documented order of the event stream:", "."), -1)
	c.snapshot = word.FindAllString(section(t, page, "Documented order of the snapshot:", "."), -1)
	c.tables = firstCells(section(t, page, "| table | content | engine and keys |", "\n\n"))
	for line := range strings.Lines(section(t, page, "Views carry the published names", "\n\nWhat a snapshot may say")) {
		if name, _, found := strings.Cut(strings.TrimPrefix(line, "- `"), "`:"); found {
			c.tables = append(c.tables, name)
		}
	}
	c.row = section(t, page, "- An event row has", "\n- A recreated topic")
	return c
}

// disagreements compares everything with the objects.
func (f formats) disagreements(t *testing.T, objects []schemas.Object) (found []string) {
	t.Helper()
	equal := func(what string, got, want []string) {
		if !slices.Equal(got, want) {
			found = append(found, fmt.Sprintf("%s\n got %v\nwant %v", what, got, want))
		}
	}
	columns := map[string][]string{}
	var all []string
	for _, o := range objects {
		all = append(all, o.Name)
		for _, c := range o.Columns {
			columns[o.Name] = append(columns[o.Name], c.Name)
		}
		text, err := jsonschema.Row(o)
		inJSON, required := properties(t, text, err)
		equal("JSON Schema of "+o.Name, inJSON, columns[o.Name])
		equal("JSON Schema of "+o.Name+", what is required", required, columns[o.Name])
		var record struct{ Fields []struct{ Name string } }
		text, err = avro.Row(o)
		parse(t, json.Unmarshal, text, err, &record)
		var inAvro []string
		for _, field := range record.Fields {
			inAvro = append(inAvro, field.Name)
		}
		equal("Avro schema of "+o.Name, inAvro, columns[o.Name])
		if f.dbt[o.Name] != nil {
			equal("dbt source "+o.Name, f.dbt[o.Name], columns[o.Name])
		}
	}
	slices.Sort(all)
	equal("tables and views of docs/contract.md, §3", slices.Sorted(slices.Values(f.contract.tables)), all)
	equal("tables and views of docs/tables.md", slices.Sorted(slices.Values(f.tablesPage)), all)

	stream := without(columns["piano_subscriber_event_stream"], "synced_at")
	equal("docs/contract.md, the documented order of the event stream", f.contract.stream, stream)
	equal("analytics_events", columns["analytics_events"], columns["piano_subscriber_event_stream"])
	equal("schemas.ContractColumns", names(schemas.ContractColumns()), stream)
	equal("schemas.EventColumns", names(schemas.EventColumns()), columns["subscription_events"])
	equal("JSON Schema of a message", f.message, append(slices.Clone(stream), "user_email", "email"))
	equal("docs/contract.md, the fields of a message", slices.Sorted(slices.Values(f.contract.fields)), slices.Sorted(slices.Values(f.message)))
	equal("docs/contract.md, the required fields", f.contract.required, f.required)
	for _, column := range columns["subscription_events"] {
		if !slices.Contains(stream, column) && !slices.Contains(word.FindAllString(f.contract.row, -1), column) {
			found = append(found, "docs/contract.md, §3 does not name the column "+column+" of subscription_events")
		}
	}
	equal("docs/contract.md, the documented order of the snapshot", f.contract.snapshot, without(columns["piano_api_subscriptions"], "synced_at"))
	if got, want := len(without(columns["subscription_traits"], "synced_at")), len(subscriptionlog.TraitNames()); got != want {
		found = append(found, fmt.Sprintf("subscription_traits has %d traits, a subscription log %d", got, want))
	}
	for name := range maps.Keys(f.dbt) {
		if columns[name] == nil {
			found = append(found, "dbt source "+name+" does not exist")
		}
	}
	return found
}

func without(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s == name })
}

func names(columns []schemas.Column) (all []string) {
	for _, c := range columns {
		all = append(all, c.Name)
	}
	return all
}
