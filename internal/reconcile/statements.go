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

//go:embed queries/targets.sql
var targetsSQL string

//go:embed queries/results.sql
var resultsSQL string

//go:embed queries/drift.sql
var driftSQL string

// statements are the queries of a run, for one deployment. The comments of queries/*.sql
// list their parameters.
type statements struct {
	targets        string // Finds the first events of the targets of changes.
	effects        string // Marks changes that take effect.
	compare        string // Compares one range with the snapshot.
	compareAnswers string // Compares the answers of phase 4.
	results        string // In parentheses, for a FROM clause.
	drift          string // Writes the drift of one range.
}

const everySubscription = "true"

// inRange is a range of the tables' order; an empty end has no bound.
const inRange = "subscription_id >= {from:String} AND ({to:String} = '' OR subscription_id < {to:String})"

// asOfParameter is the as of of the snapshot.
const asOfParameter = "fromUnixTimestamp64Milli({as_of:Int64}, 'UTC')"

func newStatements(o schemas.Options) (*statements, error) {
	asked := "subscription_id GLOBAL IN (SELECT subscription_id FROM " + o.Table("reconciliation_comparisons") + " WHERE run_id = {run:UUID} AND round = 1)"
	q := &queries{o: o}
	s := &statements{
		targets:        q.render(targetsSQL, everySubscription, ""),
		effects:        q.render(effectsSQL, everySubscription, ""),
		compare:        q.render(compareSQL, inRange, ""),
		compareAnswers: q.render(compareSQL, asked, ""),
		results:        "(" + q.render(resultsSQL, everySubscription, "") + ")",
		drift:          q.render(driftSQL, inRange, q.render(resultsSQL, inRange, "")),
	}
	return s, q.err
}

// queries renders the files and keeps the first error.
type queries struct {
	o   schemas.Options
	err error
}

func (q *queries) render(file, where, results string) string {
	events := clauses{Options: q.o}
	targets := "SELECT subscription_id AS target, min(first_at) AS first_at FROM " + events.Targets() + " WHERE run_id = {run:UUID}" +
		" AND subscription_id GLOBAL IN (SELECT assumeNotNull(upgrade_to_subscription_id) FROM " + events.Events() + " WHERE " + events.Changes() + " AND (" + where + "))" +
		" GROUP BY subscription_id"
	state, err := schemas.StateQueryWithTargets(q.o, asOfParameter, where, targets)
	var t *template.Template
	if err == nil {
		t, err = template.New("query").Parse(file)
	}
	var sql strings.Builder
	if err == nil {
		err = t.Execute(&sql, clauses{Options: q.o, State: state, Where: where, Results: results})
	}
	if q.err == nil {
		q.err = err
	}
	return sql.String()
}

// clauses are the fields and functions of the query templates.
type clauses struct {
	schemas.Options
	State   string // the query for the state of every subscription of Where
	Where   string // which subscriptions: a condition on subscription_id
	Results string // results.sql
}

// Comparisons names the results of runs.
func (c clauses) Comparisons() string { return c.Table("reconciliation_comparisons") }

// Targets names the first events of the targets of changes.
func (c clauses) Targets() string { return c.Table("reconciliation_targets") }

// Changes is the condition for events that announce a change to another subscription.
func (clauses) Changes() string {
	return "subscription_action IN ('Upgraded', 'Downgraded') AND upgrade_to_subscription_id != ''"
}

// Snapshots names the rows of snapshots.
func (c clauses) Snapshots() string { return c.Table("subscription_snapshots") }

// Events names the events.
func (c clauses) Events() string { return c.Table("subscription_events") }

// Internal names the subscriptions whose newest delivery was filtered.
func (c clauses) Internal() string { return c.Table("internal_subscriptions") }

// DeadLetters names the dead letters.
func (c clauses) DeadLetters() string { return c.Table("dead_letters") }

// messageTime is when the message of an event was sent, 0 where that is unknown.
var messageTime = schemas.VersionTimeSQL("version")

// MessageTime is messageTime for the templates.
func (clauses) MessageTime() string { return messageTime }

// Recent is the condition for events with a time or a message after the cutoff.
func (clauses) Recent() string {
	return "(event_timestamp > fromUnixTimestamp64Milli({cutoff:Int64}, 'UTC') OR " + messageTime + " > {cutoff:Int64})"
}

// Drift names the table drift.
func (c clauses) Drift() string { return c.Table("drift") }

// Difference is the type of one difference while it is computed: kind, the stream's
// value, the API's value, and whether it counts as agreement.
func (clauses) Difference() string {
	return "'Tuple(String, Nullable(String), Nullable(String), Bool)'"
}

// Differences is the type of the column.
func (clauses) Differences() string {
	return "'Array(Tuple(kind LowCardinality(String), stream_value Nullable(String), api_value Nullable(String), agrees Bool))'"
}

// Instant formats an instant as text.
func (clauses) Instant(column string) string {
	return "formatDateTime(" + column + ", '%Y-%m-%dT%H:%i:%SZ', 'UTC')"
}

// Period parses a billing period in the form of a plan's sentence (ParsePlan). The result
// is an array of one (months, days), empty where the text is unknown.
func (clauses) Period(column string) string {
	return `arrayMap((g) -> (toUInt32OrDefault(g[1], toUInt32(1)) * transform(g[2], ['month', 'year'], [1, 12], 0),
            toUInt32OrDefault(g[1], toUInt32(1)) * transform(g[2], ['day', 'week'], [1, 7], 0)),
            arrayFilter((g) -> notEmpty(g), [extractGroups(lower(trimBoth(ifNull(toString(` + column + `), ''))), '^(?:every )?(?:(\\d{1,4}) )?(day|week|month|year)s?$')]))`
}

// Severity maps a kind to its severity.
func (clauses) Severity(column string) string {
	var kinds, severities []string
	for _, k := range Kinds() {
		kinds = append(kinds, fmt.Sprintf("'%s'", k))
		severities = append(severities, fmt.Sprintf("'%s'", k.Severity()))
	}
	return fmt.Sprintf("transform(toString(%s), [%s], [%s], 'drift')", column, strings.Join(kinds, ", "), strings.Join(severities, ", "))
}
