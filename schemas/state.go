package schemas

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed queries/state.sql
var stateQuery string

// StateQuery is the query for the state of every subscription at a moment: the
// columns of the view subscription_state, one row for each subscription with an
// event until then. asOf is an expression of type DateTime64(3, 'UTC'). where
// narrows the query and may be empty. It is a condition on subscription_events
// that is true for all rows of a subscription or for none. Both are SQL and must
// not come from outside.
//
// The rules are ours and have one place, queries/state.sql.
func StateQuery(o Options, asOf, where string) (string, error) {
	return StateQueryWithTargets(o, asOf, where, "")
}

// StateQueryWithTargets is StateQuery where the first event of each target of a change is
// known: targets is a query of target and first_at. Without it the query looks for the
// targets of its rows among all events, which is expensive when where selects few of many.
func StateQueryWithTargets(o Options, asOf, where, targets string) (string, error) {
	if err := o.Validate(); err != nil {
		return "", err
	}
	return clauses{o}.state(asOf, where, targets)
}

// State is StateQuery for the migrations.
func (c clauses) State(asOf, where string) (string, error) { return c.state(asOf, where, "") }

func (c clauses) state(asOf, where, targets string) (string, error) {
	if where != "" {
		where = "AND (" + where + ")"
	}
	t, err := template.New("state").Parse(stateQuery)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	err = t.Execute(&sql, map[string]string{
		"AsOf": asOf, "Where": where, "Events": c.Table("subscription_events"), "Targets": targets,
		"Rank": rankExpression(), "Fact": quoted(stateFact), "Accumulator": quoted(stateAccumulator),
	})
	return withoutComments(sql.String()), err
}

// withoutComments removes comment lines and trailing spaces. Statements are sent,
// and shown by ClickHouse, without them.
func withoutComments(sql string) string {
	var kept []string
	for line := range strings.Lines(strings.TrimSpace(sql)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "--") {
			kept = append(kept, strings.TrimRight(line, " \n"))
		}
	}
	return strings.Join(kept, "\n")
}

// stateFact is one event as input of the fold.
const stateFact = "Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, " +
	"value Nullable(Decimal(18, 4)), term_type String, billing_period String, change_to String)"

// stateAccumulator is the fold's state between two events.
const stateAccumulator = "Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, " +
	"had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, " +
	"off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, " +
	"term_type String, billing_period String, price Nullable(Decimal(18, 4)), change_to String, partial UInt8)"

func quoted(s string) string { return "'" + s + "'" }

// StateOrder is the order of actions at the same instant.
func StateOrder() []string {
	return []string{Created, TrialStarted, TrialEnded, PaymentFailed, Renewed, Resumed,
		AutoRenewEnabled, AutoRenewDisabled, Downgraded, Upgraded, Canceled, Expired}
}

// rankExpression is the position of an action in StateOrder, from 1; 0 for
// others.
func rankExpression() string {
	names := StateOrder()
	for i, name := range names {
		names[i] = quoted(name)
	}
	return fmt.Sprintf("indexOf([%s], toString(subscription_action))", strings.Join(names, ", "))
}
