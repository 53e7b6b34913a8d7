package dbt

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/pianola/pianola/schemas"
)

// mart is a model that computes a mart from the state of subscriptions, as Pianola does.
type mart struct {
	schemas.Mart
	fact
}

// martsDatabase is in the names of the queries before they become references.
const martsDatabase = "piano"

// marts are those of the migrations that dbt computes. One without facts is one too.
func marts() ([]mart, error) {
	all, err := schemas.MartQueries(schemas.Options{Database: martsDatabase})
	if err != nil {
		return nil, err
	}
	known := facts()
	var some []mart
	for _, m := range all {
		if known[m.Name].noModel == "" {
			some = append(some, mart{m, known[m.Name]})
		}
	}
	return some, nil
}

// The words of the queries that differ in a model.
var (
	tableName = regexp.MustCompile("`" + martsDatabase + "`\\.`([a-z0-9_]+)`")
	clock     = regexp.MustCompile(`now64\(3, 'UTC'\)`)
)

// asOf is the moment of the figures: one for all models of a run.
const asOf = `toDateTime64('{{ var("pianola_as_of", run_started_at.strftime("%Y-%m-%d %H:%M:%S")) }}', 3, 'UTC')`

// model wraps the query, so that the model has the columns of the mart, in their order
// and with their types.
func (m mart) model(models []mart, bases []base) string {
	var t text
	t.line(0, "-- %s", generated)
	stored := "materialized='view'"
	if m.SortingKey != "" {
		stored = fmt.Sprintf("materialized='table', engine='MergeTree()', order_by='(%s)'", m.SortingKey)
	}
	t.line(0, "{{ config(enabled=var('pianola_marts', false) | as_bool, %s) }}", stored)
	if m.Note != "" {
		t.line(0, "%s", m.Note)
	}
	t.line(0, "SELECT")
	for i, c := range m.Columns {
		comma := ","
		if i == len(m.Columns)-1 {
			comma = ""
		}
		t.line(2, "CAST(%s, '%s') AS %s%s", c.Name, strings.ReplaceAll(c.Type, "'", "\\'"), c.Name, comma)
	}
	t.line(0, "FROM")
	t.line(0, "(")
	t.line(0, "%s", m.query(models, bases))
	t.line(0, ")")
	return t.String()
}

// base is a view of dbt's own over a table or view of the inputs. In CREATE … AS, ClickHouse
// wants a grant of the whole object for each one in a subquery or a join, and analysts are
// granted columns of these: all but the hash of addresses.
type base struct {
	name    string
	final   string // follows the name
	columns []schemas.DescribedColumn
}

const basePrefix = "base_pianola__"

// bases have the columns that the queries of marts may need.
func bases() ([]base, error) {
	events, err := schemas.FindObject("subscription_events")
	if err != nil {
		return nil, err
	}
	traits, err := schemas.FindObject("subscription_traits")
	contract := schemas.ContractColumns()
	of := func(all []schemas.DescribedColumn, has func(name string) bool) []schemas.DescribedColumn {
		return slices.DeleteFunc(all, func(c schemas.DescribedColumn) bool { return c.Name == hashColumn || !has(c.Name) })
	}
	return []base{
		{"subscription_events", " FINAL", of(events.Columns, func(name string) bool {
			return slices.ContainsFunc(contract, func(c schemas.Column) bool { return c.Name == name })
		})},
		{"subscription_traits", "", of(traits.Columns, func(name string) bool { return name == "subscription_id" || name == "promo_code" })},
	}, err
}

// inPlaceOf is what the queries have where a model has the view.
func (b base) inPlaceOf() string { return "`" + martsDatabase + "`.`" + b.name + "`" + b.final }

func (b base) reference() string { return "{{ ref('" + basePrefix + b.name + "') }}" }

func (b base) model() string {
	var t text
	t.line(0, "-- %s", generated)
	t.line(0, "{{ config(enabled=var('pianola_marts', false) | as_bool, materialized='view') }}")
	t.line(0, "SELECT")
	for i, c := range b.columns {
		comma := ","
		if i == len(b.columns)-1 {
			comma = ""
		}
		t.line(2, "%s%s", c.Name, comma)
	}
	t.line(0, "FROM {{ source('%s', '%s') }}%s", inputSource, b.name, b.final)
	return t.String()
}

// query refers to what the models of dbt have by their names, and else to sources.
func (m mart) query(models []mart, bases []base) string {
	sql := m.Query
	for _, b := range bases {
		sql = strings.ReplaceAll(sql, b.inPlaceOf(), b.reference())
	}
	sql = tableName.ReplaceAllStringFunc(sql, func(quoted string) string {
		name := tableName.FindStringSubmatch(quoted)[1]
		if slices.ContainsFunc(models, func(one mart) bool { return one.Name == name }) {
			return fmt.Sprintf("{{ ref('%s') }}", name)
		}
		return fmt.Sprintf("{{ source('%s', '%s') }}", inputSource, name)
	})
	return clock.ReplaceAllString(sql, asOf)
}

// inputSource is the name of the source of what the models of marts read.
const inputSource = "pianola_inputs"

// inputs are the tables and views that the models read and that are no models.
func inputs(models []mart, bases []base) ([]schemas.Object, error) {
	objects, err := schemas.Catalogue()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(objects, func(o schemas.Object) bool {
		reference := fmt.Sprintf("source('%s', '%s')", inputSource, o.Name)
		return !slices.ContainsFunc(bases, func(b base) bool { return b.name == o.Name }) &&
			!slices.ContainsFunc(models, func(m mart) bool { return strings.Contains(m.query(models, bases), reference) })
	}), nil
}

// martsFile describes the models of marts and what they read.
func martsFile(database string, models []mart, inputs []schemas.Object, bases []base) string {
	var t text
	t.line(0, "# %s", generated)
	t.line(0, "version: 2")
	t.line(0, "")
	t.line(0, "sources:")
	t.line(1, "- name: %s", inputSource)
	t.line(2, "description: What the models of marts read. Use the source pianola for everything else.")
	t.line(2, "schema: \"{{ var('pianola_database', '%s') }}\"", database)
	t.line(2, "tables:")
	for _, o := range inputs {
		t.line(3, "- name: %s", o.Name)
		t.line(4, "description: %s", quoted(o.Comment))
	}
	t.line(0, "")
	t.line(0, "models:")
	for _, b := range bases {
		t.line(1, "- name: %s%s", basePrefix, b.name)
		t.line(2, "description: What the models of marts read of %s", b.name)
		describe(&t, b.columns)
	}
	for _, m := range models {
		t.line(1, "- name: %s", m.Name)
		t.line(2, "description: \"{{ doc('%s') }}\"", m.Name)
		if len(m.key) > 0 {
			t.line(2, "data_tests:")
			uniqueTest(&t, 3, "model_"+m.Name, m.key)
		}
		describe(&t, m.Columns)
	}
	return t.String()
}

// describe lists the columns of a model.
func describe(t *text, columns []schemas.DescribedColumn) {
	t.line(2, "columns:")
	for _, c := range columns {
		t.line(3, "- name: %s", c.Name)
		t.line(4, "data_type: %s", quoted(c.Type))
		t.line(4, "description: %s", quoted(c.Comment))
	}
}
