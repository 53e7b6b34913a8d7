package dbt

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/pianola/pianola/schemas"
)

var update = flag.Bool("update", false, "write the directory project")

// TestProject_IsCurrent compares the directory project with what the command writes.
func TestProject_IsCurrent(t *testing.T) {
	files, err := Project("piano")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll("project"); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]string{}
	for _, f := range files {
		if !strings.Contains(f.Text, Marker) {
			t.Errorf("%s does not say what wrote it", f.Name)
		}
		name := filepath.Join("project", filepath.FromSlash(f.Name))
		want[name] = f.Text
		if *update {
			if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, []byte(f.Text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	err = filepath.WalkDir("project", func(name string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		got, err := os.ReadFile(name)
		if text, known := want[name]; !known || string(got) != text {
			t.Errorf("%s is not current; run go test ./schemas/dbt -run Project -update", name)
		}
		delete(want, name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		t.Errorf("%s is missing; run go test ./schemas/dbt -run Project -update", name)
	}
}

// TestFacts_NameEveryView: a new view is a source at once, but somebody has to say what
// identifies its rows and what is tested.
func TestFacts_NameEveryView(t *testing.T) {
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	known := facts()
	for _, o := range all {
		f, found := known[o.Name]
		if o.Kind != schemas.View && !schemas.IsMart(o.Name) {
			continue
		}
		switch {
		case !found:
			t.Errorf("view or mart %s is new: add it to schemas/dbt/facts.go, with its key, freshness and tests, or say why it is no source", o.Name)
		case f.leftOut == "" && (len(f.key) == 0 || (f.model == "") != schemas.IsMart(o.Name)):
			t.Errorf("view or mart %s has no key or no model in schemas/dbt/facts.go, or is a mart with a model", o.Name)
		}
		delete(known, o.Name)
	}
	for name := range known {
		t.Errorf("schemas/dbt/facts.go has %s, which is no view or mart of the migrations", name)
	}
}

// yamlSources are the parts of a sources file that the tests compare.
type yamlSources struct {
	Sources []struct {
		Name, Schema string
		Tables       []struct {
			Name, Description string
			Config            struct {
				LoadedAtField string `yaml:"loaded_at_field"`
				Freshness     map[string]any
			}
			DataTests []map[string]any `yaml:"data_tests"`
			Columns   []struct {
				Name, Description string
				DataType          string           `yaml:"data_type"`
				DataTests         []map[string]any `yaml:"data_tests"`
			}
		}
	}
}

// TestSources_DescribeEveryColumn as the DDL does, and test what the facts say.
func TestSources_DescribeEveryColumn(t *testing.T) {
	text, err := Sources("elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	for _, outside := range []string{"doc(", "ref("} {
		if strings.Contains(text, outside) {
			t.Errorf("the file uses %s), so it does not work alone", outside)
		}
	}
	var file yamlSources
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	source := file.Sources[0]
	if source.Name != "pianola" || source.Schema != "{{ var('pianola_database', 'elsewhere') }}" {
		t.Errorf("source %+v", source)
	}
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range all {
		f, known := facts()[o.Name]
		if !known || f.leftOut != "" {
			continue
		}
		table := source.Tables[0]
		source.Tables = source.Tables[1:]
		if table.Name != o.Name || table.Description != o.Comment {
			t.Errorf("table %s: %q, want %s: %q", table.Name, table.Description, o.Name, o.Comment)
		}
		if fresh := table.Config.LoadedAtField == "synced_at" && len(table.Config.Freshness) == 2; fresh != (f.stale.variable != "") {
			t.Errorf("%s: freshness %+v", o.Name, table.Config)
		}
		var columns []schemas.DescribedColumn
		tests := 0
		for _, c := range table.Columns {
			columns = append(columns, schemas.DescribedColumn{Column: schemas.Column{Name: c.Name, Type: c.DataType}, Comment: c.Description})
			tests += len(c.DataTests)
		}
		if !slices.Equal(columns, o.Columns) {
			t.Errorf("%s\n got %v\nwant %v", o.Name, columns, o.Columns)
		}
		if len(table.DataTests) != 2 {
			t.Errorf("%s has %d tests of rows, want the key and the valid rows", o.Name, len(table.DataTests))
		}
		warnings := slices.DeleteFunc(slices.Clone(f.values), func(v acceptedValues) bool { return v.severity == fails })
		if want := len(warnings) + len(f.links); tests != want {
			t.Errorf("%s has %d tests of columns, want %d", o.Name, tests, want)
		}
	}
	if len(source.Tables) > 0 {
		t.Errorf("further tables: %+v", source.Tables)
	}
}

// TestFault_NamesEachColumn that must not be empty, and each closed set of values.
func TestFault_NamesEachColumn(t *testing.T) {
	columns := []schemas.DescribedColumn{}
	for name, of := range map[string]string{"id": "String", "at": "DateTime64(3, 'UTC')", "month": "Date", "why": "Nullable(String)", "part": "String", "n": "UInt64"} {
		columns = append(columns, schemas.DescribedColumn{Column: schemas.Column{Name: name, Type: of}})
	}
	s := source{schemas.Object{Columns: columns}, fact{
		key: []string{"id", "n", "part"}, mayBeEmpty: []string{"part"}, filled: []string{"at", "month", "why"},
		values: []acceptedValues{{"why", []string{"a", "b"}, fails}, {"id", []string{"c"}, warns}},
	}}
	const want = "multiIf(nullIf(id, '') IS NULL, 'id is empty', toUnixTimestamp64Milli(at) = 0, 'at is empty', month = toDate(0), 'month is empty', why IS NULL, 'why is empty', " +
		"why NOT IN ('a', 'b'), concat('why is ', toString(why)), 'valid')"
	if got := s.fault(); got != want {
		t.Errorf("got %s", got)
	}
}

// TestStaging_HasEventIDs that are unique, and a description of every column.
func TestStaging_HasEventIDs(t *testing.T) {
	all, err := sources()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Models []struct {
			Name    string
			Columns []struct {
				Name, Description string
				DataTests         []string `yaml:"data_tests"`
			}
		}
	}
	if err := yaml.Unmarshal([]byte(stagingFile(all)), &file); err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if !s.staged() {
			continue
		}
		model := file.Models[0]
		file.Models = file.Models[1:]
		unique := false
		for _, c := range model.Columns {
			if c.Description == "" {
				t.Errorf("%s.%s has no description", s.Name, c.Name)
			}
			unique = unique || c.Name == "event_id" && slices.Contains(c.DataTests, "unique")
		}
		if model.Name != s.modelName() || s.event != unique {
			t.Errorf("%s: %+v", s.Name, model)
		}
	}
	if len(file.Models) > 0 {
		t.Errorf("further models: %+v", file.Models)
	}
}

// TestMarts_HaveTheQueriesOfTheMigrations: a model of dbt and the view of ClickHouse have
// one definition. Put back, the references of a model give the query that the server runs.
func TestMarts_HaveTheQueriesOfTheMigrations(t *testing.T) {
	models, err := marts()
	if err != nil {
		t.Fatal(err)
	}
	views, err := bases()
	if err != nil {
		t.Fatal(err)
	}
	migrations, err := schemas.Migrations(schemas.Options{Database: "piano"})
	if err != nil {
		t.Fatal(err)
	}
	var statements []string
	for _, m := range migrations {
		statements = append(statements, m.Statements...)
	}
	reference := regexp.MustCompile(`\{\{ (?:ref\(|source\('pianola_inputs', )'([a-z_]+)'\) \}\}`)
	comment := regexp.MustCompile(`(?m)^\s*--.*\n`)
	for _, m := range models {
		model := m.model(models, views)
		_, query, found := strings.Cut(model, "\nFROM\n(\n")
		query, _ = strings.CutSuffix(query, "\n)\n")
		for _, b := range views {
			query = strings.ReplaceAll(query, b.reference(), b.inPlaceOf())
		}
		query = reference.ReplaceAllString(query, "`piano`.`$1`")
		query = comment.ReplaceAllString(strings.ReplaceAll(query, asOf, "now64(3, 'UTC')"), "")
		creates := "VIEW IF NOT EXISTS `piano`.`" + m.Name
		if m.SortingKey != "" {
			creates += "_refresh"
		}
		same := func(statement string) bool {
			return strings.Contains(statement, creates+"`") && strings.Contains(statement, "AS\n"+query+"\nCOMMENT '")
		}
		if !found || strings.Contains(query, "{") || !slices.ContainsFunc(statements, same) {
			t.Errorf("%s has another query than %s`:\n%s", m.Name, creates, query)
		}
		if strings.Contains(model, "now64") || strings.Contains(model, "`piano`") {
			t.Errorf("%s names the server's clock or a database:\n%s", m.Name, model)
		}
		if !strings.Contains(model, "'{{ var(\"pianola_as_of\"") && !strings.Contains(model, "{{ ref(") {
			t.Errorf("%s has no time of its figures", m.Name)
		}
		for i, c := range m.Columns {
			if want := fmt.Sprintf("    CAST(%s, ", c.Name); !strings.Contains(model, want) || c.Comment == "" {
				t.Errorf("%s: column %d is not %q", m.Name, i, c.Name)
			}
		}
	}
}

// TestCheck_RefusesFacts about columns that do not exist, or that no test could find empty.
func TestCheck_RefusesFacts(t *testing.T) {
	column := []schemas.DescribedColumn{{Column: schemas.Column{Name: "a", Type: "String"}}, {Column: schemas.Column{Name: "n", Type: "UInt64"}}}
	for what, f := range map[string]fact{
		"key":    {key: []string{"b"}},
		"filled": {filled: []string{"b"}},
		"never":  {filled: []string{"n"}}, // a number
		"stale":  {stale: quietStream},
		"values": {values: []acceptedValues{{column: "b"}}},
		"link":   {links: []link{{column: "a", to: "v", field: "b"}}},
	} {
		if err := check([]source{{schemas.Object{Name: "v", Columns: column}, f}}); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// TestSources_HaveAViewThatNobodyKnows: a new view of the migrations is a source and a
// staging model by itself.
func TestSources_HaveAViewThatNobodyKnows(t *testing.T) {
	all, err := schemas.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	column := schemas.DescribedColumn{Column: schemas.Column{Name: "month", Type: "Date"}, Comment: "The month"}
	known, err := sourcesOf(append(all, schemas.Object{Name: "mart", Kind: schemas.View, Comment: "A mart", Columns: []schemas.DescribedColumn{column}}))
	if err != nil {
		t.Fatal(err)
	}
	mart := known[len(known)-1]
	for what, text := range map[string]string{
		"      - name: mart\n        description: \"A mart\"\n        columns:\n          - name: month\n            data_type: \"Date\"\n            description: \"The month\"\n": sourcesFile("piano", known),
		"  - name: stg_pianola__mart\n":                     stagingFile(known),
		"{% docs mart %}\nA mart.\n":                        docsFile(known, nil),
		"SELECT\n    source.month AS month\nFROM {{ source": stagingModel(mart),
	} {
		if !strings.Contains(text, what) {
			t.Errorf("no %q in\n%s", what, text)
		}
	}
}
