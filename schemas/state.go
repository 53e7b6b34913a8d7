package schemas

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"
)

//go:embed queries/state.sql
var stateQuery string

// stateForm says how much the query for the state gives.
type stateForm int

const (
	plainState   stateForm = iota // what reconciliation compares
	fullState                     // and money and attributes
	historyState                  // and the arrays of the table subscriptions
)

// StateQuery is the query for the state of every subscription at a moment: one row for each
// subscription with an event until then, with the columns that reconciliation compares. asOf
// is an expression of type DateTime64(3, 'UTC'). where narrows the query and may be empty.
// It is a condition on subscription_events that is true for all rows of a subscription or
// for none. Both are SQL and must not come from outside.
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
	return clauses{o}.state(stateClauses{form: plainState, AsOf: asOf, Where: where, Targets: targets})
}

// State is StateQuery for the migrations.
func (c clauses) State(asOf, where string) (string, error) {
	return c.state(stateClauses{form: plainState, AsOf: asOf, Where: where})
}

// FullState is StateQuery with money and attributes. Its where names only subscription_id.
func (c clauses) FullState(asOf, where string) (string, error) {
	return c.state(stateClauses{form: fullState, AsOf: asOf, Where: where})
}

// StateHistory is FullState with the arrays of the table subscriptions, and with a row for
// each subscription that has events only after the moment. changes is a query of
// subscription_id and target_subscription_id, which may hold too many pairs.
func (c clauses) StateHistory(asOf, where, changes string) (string, error) {
	return c.state(stateClauses{form: historyState, AsOf: asOf, Where: where, Changes: changes})
}

func (c clauses) state(of stateClauses) (string, error) {
	if of.clauses = c; of.Where != "" {
		of.Where = "AND (" + of.Where + ")"
	}
	t, err := template.New("state").Parse(stateQuery)
	if err != nil {
		return "", err
	}
	var sql strings.Builder
	err = t.Execute(&sql, of)
	return withoutComments(sql.String()), err
}

// stateClauses are the fields and functions of queries/state.sql.
type stateClauses struct {
	clauses
	form    stateForm
	AsOf    string
	Where   string
	Targets string
	Changes string
}

// Full reports whether the query gives money and attributes.
func (c stateClauses) Full() bool { return c.form >= fullState }

// History reports whether the query gives the arrays.
func (c stateClauses) History() bool { return c.form == historyState }

// Events names the events of the subscriptions of the query. On a cluster the table
// subscriptions is made on each shard from the events there.
func (c stateClauses) Events() string {
	if c.History() {
		return c.Stored("subscription_events")
	}
	return c.AllEvents()
}

// AllEvents names the events in which the targets of changes are: a target may be on
// another shard.
func (c stateClauses) AllEvents() string { return c.Table("subscription_events") }

// Snapshots names the rows of snapshots of the subscriptions of the query.
func (c stateClauses) Snapshots() string {
	if c.History() {
		return c.Stored("subscription_snapshots")
	}
	return c.Table("subscription_snapshots")
}

// Until begins a condition of an aggregate that leaves out events after the moment. Only the
// history reads these, so that it knows when the next one is due.
func (c stateClauses) Until() string {
	if c.History() {
		return "event_timestamp <= as_of AND "
	}
	return ""
}

// UntilArgument is Until as the condition of an aggregate that has no other.
func (c stateClauses) UntilArgument() string {
	if c.History() {
		return ", event_timestamp <= as_of"
	}
	return ""
}

// If follows the name of an aggregate that has UntilArgument.
func (c stateClauses) If() string {
	if c.History() {
		return "If"
	}
	return ""
}

// Fact is one event as input of the fold.
func (stateClauses) Fact() string {
	return quoted("Tuple(rank UInt8, after UInt8, at Int64, next_billed_at Int64, trial_ends_at Int64, " +
		"price Int64, term_type String, billing_period String, change_to String, rate UInt64)")
}

// Charge is one event with the value and the texts of a payment.
func (stateClauses) Charge() string {
	return quoted("Tuple(rank UInt8, at Int64, value Int64, term LowCardinality(String), resource LowCardinality(String), country LowCardinality(String), experience LowCardinality(String))")
}

// Detail is one event with what the history takes from it outside the fold.
func (stateClauses) Detail() string {
	return quoted("Tuple(rank UInt8, at Int64, value Int64, own UInt8, user String, action LowCardinality(String), term LowCardinality(String), " +
		"resource LowCardinality(String), country LowCardinality(String), experience LowCardinality(String), currency String)")
}

// Accumulator is the fold's state between two events.
func (c stateClauses) Accumulator() string {
	text := "Tuple(status UInt8, auto UInt8, disabled_at Int64, in_trial UInt8, trial_ends_at Int64, " +
		"had_trial UInt8, charged UInt8, failed_payments UInt32, failed_since Int64, last_failed_at Int64, " +
		"off_after_failure UInt8, period_ends_at Int64, started_at Int64, ended_at Int64, " +
		"term_type String, billing_period String, change_to String, partial UInt8, " +
		"price Int64, price_rate UInt64, rate UInt64"
	if c.Full() {
		text += ", trial_from Int64, ended UInt8, converted_at Int64"
	}
	if c.History() {
		text += ", trial_ended_at Int64, announced UInt32, awaiting UInt8, at Int64, failed_before UInt32, log Array(Tuple(at Int64, status UInt8, was_status UInt8, trial UInt8, was_trial UInt8, " +
			"counts UInt8, was_counts UInt8, had_trial UInt8, had_trial_before UInt8, charged UInt8, disabled_at Int64, " +
			"trial_ends_at Int64, failed UInt32, price Int64, rate UInt64, announced UInt32, announced_before UInt32, awaiting UInt8, change_to String))"
	}
	return quoted(text + ")")
}

// Rank is the position of an action in StateOrder, from 1; 0 for others.
func (clauses) Rank() string { return ActionRank() }

// StatusName is the name of a status of the fold.
func (stateClauses) StatusName(status string) string {
	return "transform(" + status + ", [1, 2, 3, 4, 5, 6], ['active', 'fail_and_retry', 'expired', 'expired_with_error', 'cancelled', 'upgraded'], '')"
}

// EndReason is why a closed subscription has ended; e is its state, or an entry of the log.
func (stateClauses) EndReason(e string) string {
	return strings.ReplaceAll("multiIf(e.status = 4, 'payment_failed', e.status = 6, 'plan_change', e.status = 5, 'cancelled', "+
		"e.had_trial = 1 AND NOT e.charged, 'trial_not_converted', e.disabled_at != 0, 'auto_renew_off', 'unknown')", "e.", e+".")
}

// EndKind is the kind of an end; e is an entry of the log.
func (stateClauses) EndKind(e string) string {
	return strings.ReplaceAll("multiIf(e.status = 6, 'plan_change', e.status = 4, 'involuntary', e.status = 3 AND e.had_trial = 1 AND NOT e.charged, 'trial', "+
		"e.status = 5 OR e.disabled_at != 0, 'voluntary', 'unknown')", "e.", e+".")
}

// Entries is the log with the monthly amount of each entry. log has pairs of an entry and of
// the instant before which nothing counts.
func (c stateClauses) Entries(log string) string {
	mrr := c.Mrr("p.1.status IN (1, 2) AND p.1.counts AND NOT p.1.trial AND NOT (p.1.price < 0 AND p.1.had_trial != 0 AND NOT p.1.charged)", "if(p.1.price >= 0, p.1.price, list_price)", "if(p.1.rate != 0 AND (p.1.price >= 0 OR list_rate = 0), p.1.rate, list_rate)")
	return "arrayMap((p) -> CAST((greatest(p.1.at, p.2), p.1.at, p.2, p.1.status, p.1.was_status, p.1.trial, p.1.was_trial, p.1.counts, p.1.was_counts, " +
		"p.1.had_trial, p.1.had_trial_before, p.1.charged, p.1.disabled_at, p.1.trial_ends_at, p.1.failed, p.1.price, " + mrr + ", " +
		"p.1.announced, p.1.announced_before, p.1.awaiting, p.1.change_to), " +
		"'Tuple(at Int64, happened_at Int64, since Int64, status UInt8, was_status UInt8, trial UInt8, was_trial UInt8, counts UInt8, was_counts UInt8, " +
		"had_trial UInt8, had_trial_before UInt8, charged UInt8, disabled_at Int64, trial_ends_at Int64, failed UInt32, price Int64, mrr Int64, " +
		"announced UInt32, announced_before UInt32, awaiting UInt8, change_to String)'), " + log + ")"
}

// Mrr is the monthly amount of a price in ten-thousandths, rounded half away from zero; 0
// where it does not count, or where the price or the period is unknown.
func (c stateClauses) Mrr(counts, price, rate string) string {
	amount, den := "toInt128(greatest("+price+", 0))", c.RateDen(rate)
	return "if(" + counts + ", toInt64(intDiv(2 * " + amount + " * " + c.RateNum(rate) + " + " + den + ", 2 * toInt128(greatest(" + den + ", 1)))), 0)"
}

// RateNum is the numerator of a rate.
func (stateClauses) RateNum(rate string) string { return "bitShiftRight(" + rate + ", 32)" }

// RateDen is the denominator of a rate.
func (stateClauses) RateDen(rate string) string { return "bitAnd(" + rate + ", 4294967295)" }

// Money converts ten-thousandths.
func (stateClauses) Money(integer string) string {
	return "reinterpret(toInt64(" + integer + "), 'Decimal(18, 4)')"
}

// MaybeInstant converts milliseconds; 0 gives NULL.
func (stateClauses) MaybeInstant(ms string) string {
	return "if(" + ms + " = 0, NULL, fromUnixTimestamp64Milli(" + ms + ", 'UTC'))"
}

// PlanSegment is the part of a billing plan that names the recurring period: the segment
// with *, else the last one; a text without segments is whole. Each function has one column,
// so that ClickHouse computes it once for each text of the dictionary.
func (stateClauses) PlanSegment() string {
	return "replaceRegexpOne(replaceRegexpOne(lower(trimBoth(ifNull(billing_period, ''))), " +
		sqlText(`^.*?\[([^\[\]]*\|\s*\*\s*)\].*$`) + ", " + sqlText(`\1`) + "), " +
		sqlText(`^.*\[([^\[\]]*)\]\s*$`) + ", " + sqlText(`\1`) + ")"
}

// periodPattern is the grammar of a period, in a segment of a plan or in a sentence. Group
// one is the number, group two the unit.
const periodPattern = `^(?:every |\$\d+(?:\.\d+)? per |\s*\d+(?:\.\d+)?\s+[a-z]{3}\s*\|\s*)?(?:(\d{1,4})\s+)?(day|week|month|year)s?(?:\s*\|\s*(?:\*|\d+)\s*)?$`

// Rate is the rate of a segment. A year is 12 months, a week 12/52, a day 12/365.
func (stateClauses) Rate() string {
	unit := "replaceRegexpOne(segment, " + sqlText(periodPattern) + ", " + sqlText(`\2`) + ")"
	number := "toUInt64OrDefault(replaceRegexpOne(segment, " + sqlText(periodPattern) + ", " + sqlText(`\1`) + "), toUInt64(1))"
	units := "['month', 'year', 'week', 'day']"
	return fmt.Sprintf("if(%[1]s = 0, 0, toUInt64(transform(%[2]s, %[3]s, [%d, %d, %d, %d], 0) + transform(%[2]s, %[3]s, [1, 12, 3, 12], 0) * %[1]s))",
		number, unit, units, 1<<32, 1<<32, 13<<32, 365<<32)
}

// PlanCurrency is the currency that the text of a segment names, or the empty text.
func (stateClauses) PlanCurrency() string {
	return "upper(extract(segment, " + sqlText(`^\s*\d+(?:\.\d+)?\s+([a-z]{3})\s*\|`) + "))"
}

// sqlText is a text as a literal.
func sqlText(s string) string { return quoted(strings.ReplaceAll(s, `\`, `\\`)) }

// StateTable has the state of each subscription and its history.
const StateTable = "subscriptions"

// StateRefreshView is the refreshable view that keeps StateTable up to date.
const StateRefreshView = "subscriptions_refresh"

// InternalQuery is the query for the subscriptions that count as internal, of those that have a
// state. It is the view internal_subscriptions without its read of events: the state knows the
// newest event of each subscription.
func InternalQuery(o Options) string {
	filtered, state := o.Table("filtered_subscriptions"), o.Table(StateTable)
	return "SELECT subscription_id FROM (SELECT subscription_id, version, filtered_at AS written_at, true AS is_filtered FROM " + filtered +
		" UNION ALL SELECT subscription_id, newest.version AS version, newest.written_at AS written_at, false AS is_filtered FROM " + state +
		" FINAL WHERE subscription_id GLOBAL IN (SELECT subscription_id FROM " + filtered + ")) GROUP BY subscription_id HAVING argMax(is_filtered, (version, written_at, is_filtered))"
}

// StateCompleteTo is the query for the moment before which everything that was stored is in
// the state of every subscription; the epoch before the first refresh.
func StateCompleteTo(o Options) string { return clauses{o}.CompleteTo() }

// CompleteTo is StateCompleteTo for the migrations. On a cluster each shard has its own.
func (c clauses) CompleteTo() string {
	return "SELECT min(complete_to) FROM (SELECT argMax(progress.complete_to, (refresh, refreshed_at)) AS complete_to FROM " +
		c.Table("subscriptions") + " WHERE subscription_id = '' GROUP BY hostName())"
}

// Global precedes an IN or a JOIN whose right side is on all shards.
func (c clauses) Global() string {
	if c.o.Cluster == "" {
		return ""
	}
	return "GLOBAL "
}

// LatestSnapshot is the query for the snapshot that the view piano_api_subscriptions shows:
// the latest complete one, a whole one if there is any.
func (o Options) LatestSnapshot() string { return o.latestSnapshot("") }

// latestSnapshot is LatestSnapshot among those that also meet a condition.
func (o Options) latestSnapshot(and string) string {
	return "SELECT snapshot_id FROM " + o.Table("snapshot_runs") + " FINAL WHERE state = 'complete' AND as_of <= now64(3)" + and +
		" ORDER BY whole DESC, as_of DESC, completed_at DESC, snapshot_id DESC LIMIT 1"
}

// LatestSnapshot is that of Options, for the migrations.
func (c clauses) LatestSnapshot() string { return c.o.LatestSnapshot() }

// LatestFile is the query for the snapshot whose traits the view subscription_traits shows.
func (c clauses) LatestFile() string { return c.o.latestSnapshot(" AND source = 'csv'") }

// SnapshotHash is a hash of what a row of a snapshot says of money.
func (clauses) SnapshotHash() string {
	return "cityHash64(ifNull(toString(regular_price), ''), ifNull(currency, ''), ifNull(billing_period, ''))"
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

func quoted(s string) string { return "'" + s + "'" }

// StateOrder is the order of actions at the same instant.
func StateOrder() []string {
	return []string{Created, TrialStarted, TrialEnded, PaymentFailed, Renewed, Resumed,
		AutoRenewEnabled, AutoRenewDisabled, Downgraded, Upgraded, Canceled, Expired}
}

// ActionRank is SQL: the position of subscription_action in StateOrder, from 1; 0 for others.
func ActionRank() string {
	names := StateOrder()
	numbers := make([]string, len(names))
	for i, name := range names {
		names[i], numbers[i] = quoted(name), fmt.Sprint(i+1)
	}
	return fmt.Sprintf("toUInt8(transform(toString(subscription_action), [%s], [%s], 0))", strings.Join(names, ", "), strings.Join(numbers, ", "))
}
