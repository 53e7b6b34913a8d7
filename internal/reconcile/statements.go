package reconcile

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/pianola/pianola/schemas"
)

//go:embed queries/compare.sql
var compareSQL string

//go:embed queries/effects.sql
var effectsSQL string

//go:embed queries/found.sql
var foundSQL string

//go:embed queries/drift.sql
var driftSQL string

// statements are the queries of a run, for one deployment. Their parameters are in
// the comments of queries/*.sql.
type statements struct {
	effects string // of changes, by subscriptions that have just begun
	compare string // of a range, against the snapshot
	again   string // of those that the API was asked about, against its answers
	found   string // in parentheses, to be selected from
	drift   string // of a range
}

// ofAll is no bucket.
const ofAll = "true"

// ofRange is a bucket of neighbours in the tables' order: ["" means no bound].
const ofRange = "subscription_id >= {from:String} AND ({to:String} = '' OR subscription_id < {to:String})"

// asOfParameter is the moment of the snapshot.
const asOfParameter = "fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')"

func newStatements(o schemas.Options) (*statements, error) {
	asked := "subscription_id GLOBAL IN (SELECT subscription_id FROM " + o.Table("reconciliation_comparisons") + " WHERE run_id = {run:UUID} AND round = 1)"
	q := &queries{o: o}
	s := &statements{
		effects: q.render(effectsSQL, ofAll, ""),
		compare: q.render(compareSQL, ofRange, ""),
		again:   q.render(compareSQL, asked, ""),
		found:   "(" + q.render(foundSQL, ofAll, "") + ")",
		drift:   q.render(driftSQL, ofRange, q.render(foundSQL, ofRange, "")),
	}
	return s, q.err
}

// queries renders the files; the first error stays.
type queries struct {
	o   schemas.Options
	err error
}

func (q *queries) render(file, where, found string) string {
	state, err := schemas.StateQuery(q.o, asOfParameter, where)
	var t *template.Template
	if err == nil {
		t, err = template.New("query").Parse(file)
	}
	var sql strings.Builder
	if err == nil {
		err = t.Execute(&sql, clauses{Options: q.o, State: state, Where: where, Found: found})
	}
	if q.err == nil {
		q.err = err
	}
	return sql.String()
}

// clauses are what the queries ask of their template.
type clauses struct {
	schemas.Options
	State string // the state of every subscription of Where
	Where string // which subscriptions: a condition on subscription_id
	Found string
}

// Comparisons and the others name tables.
func (c clauses) Comparisons() string { return c.Table("reconciliation_comparisons") }

// Snapshots names the snapshots' rows.
func (c clauses) Snapshots() string { return c.Table("subscription_snapshots") }

// Events names the events.
func (c clauses) Events() string { return c.Table("subscription_events") }

// Filtered names the subscriptions whose events were filtered.
func (c clauses) Filtered() string { return c.Table("filtered_subscriptions") }

// DeadLetters names the refused messages.
func (c clauses) DeadLetters() string { return c.Table("dead_letters") }

// Recent is the condition of events that have happened or come after the cutoff.
func (clauses) Recent() string {
	return "(event_timestamp > fromUnixTimestamp64Milli({cutoff:Int64}, 'UTC') OR intDiv(version, 1048576) > {cutoff:Int64})"
}

// Drift names the disagreements.
func (c clauses) Drift() string { return c.Table("drift") }

// Difference is one disagreement while it is computed: kind, the stream's value,
// the API's, and whether that counts as agreement.
func (clauses) Difference() string {
	return "'Tuple(String, Nullable(String), Nullable(String), Bool)'"
}

// Differences is the type of the column.
func (clauses) Differences() string {
	return "'Array(Tuple(kind LowCardinality(String), stream_value Nullable(String), api_value Nullable(String), agrees Bool))'"
}

// Instant is an instant as a text.
func (clauses) Instant(column string) string {
	return "formatDateTime(" + column + ", '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
}

// Period reads a billing period, in the words of a plan's sentence (ParsePlan), as
// an array of one (months, days), or of none where it cannot be read.
func (clauses) Period(column string) string {
	return `arrayMap((g) -> (toUInt32OrDefault(g[1], toUInt32(1)) * transform(g[2], ['month', 'year'], [1, 12], 0),
            toUInt32OrDefault(g[1], toUInt32(1)) * transform(g[2], ['day', 'week'], [1, 7], 0)),
            arrayFilter((g) -> notEmpty(g), [extractGroups(lower(trimBoth(ifNull(toString(` + column + `), ''))), '^(?:every )?(?:(\\d{1,4}) )?(day|week|month|year)s?$')]))`
}

// Severity gives the severity of a kind.
func (clauses) Severity(column string) string {
	var kinds, severities []string
	for _, k := range Kinds() {
		kinds = append(kinds, fmt.Sprintf("'%s'", k))
		severities = append(severities, fmt.Sprintf("'%s'", k.Severity()))
	}
	return fmt.Sprintf("transform(toString(%s), [%s], [%s], 'drift')", column, strings.Join(kinds, ", "), strings.Join(severities, ", "))
}

// escaped is a text as the value of a query parameter: ClickHouse reads it as a
// field of TabSeparated.
func escaped(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(s)
}
