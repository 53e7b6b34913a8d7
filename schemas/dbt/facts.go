package dbt

import "github.com/pianola/pianola/schemas"

// fact is what the DDL does not say of a view.
type fact struct {
	leftOut    string   // Why the view or mart is no source; empty for a source.
	model      string   // The name of its staging model, without prefix; empty for a mart.
	about      string   // Follows its comment in the documentation.
	key        []string // The columns that identify a row: unique, and never empty.
	filled     []string // Further columns that are never empty, of types that can be.
	mayBeEmpty []string // Columns of the key that may be empty.
	noModel    string   // Why dbt does not compute the mart; empty for a model.
	event      bool     // A row is an event, so the staging model has its event_id.
	part       part     // The part of Pianola that fills it.
	stale      stale    // When it is stale; the zero value means that it is not checked.
	values     []acceptedValues
	links      []link
}

// part is a variable of the project that turns off what an installation does not use.
type part string

const (
	always part = ""
	api    part = "pianola_api"    // snapshots of Piano's API
	traits part = "pianola_traits" // subscription logs as CSV
)

// stale are the variables of hours without new rows, and their defaults.
type stale struct {
	variable    string
	warn, error int
}

// acceptedValues are the values of a column.
type acceptedValues struct {
	column   string
	values   []string
	severity severity
}

// link is a column that refers to a row of another view.
type link struct {
	column   string
	to       string // a view
	field    string
	severity severity
	where    string // rows that are checked; empty for all
}

// severity is that of dbt.
type severity string

const (
	fails severity = "error"
	warns severity = "warn"
)

// quietStream: most publishers have events at any hour. quietSnapshot: reconcile.interval is
// 24 hours by default, and a run takes time.
var (
	quietStream   = stale{"pianola_stream", 6, 24}
	quietSnapshot = stale{"pianola_snapshot", 36, 72}
)

// facts are those of every view, by its name.
func facts() map[string]fact {
	event := []string{"subscription_id", "event_timestamp", "subscription_action"}
	subscription := []string{"subscription_id"}
	return map[string]fact{
		"piano_subscriber_event_stream": {
			model: "events", key: event, filled: []string{"synced_at"}, event: true, stale: quietStream,
			about: "Each event is here once, however often it was redelivered or replayed. An event is identified by subscription_id, " +
				"event_timestamp and subscription_action. A correction replaces the row and sets synced_at again, so incremental models should " +
				"select by synced_at with an overlap of a few minutes, and merge by event_id.",
			values: []acceptedValues{{"subscription_action", schemas.Actions(), warns}},
			links:  []link{{"upgrade_to_subscription_id", "subscription_state", "subscription_id", warns, ""}},
		},
		"analytics_events": {
			model: "analytics_events", key: event, filled: []string{"synced_at"}, event: true, stale: quietStream,
			about: "What counts for revenue and subscriptions: without gifts, registrations and other kinds of access.",
			links: []link{{"subscription_id", "subscription_state", "subscription_id", fails, "event_timestamp <= now() AND synced_at <= now() - INTERVAL 2 MINUTE"}},
		},
		"subscription_state": {
			model: "subscription_state", key: subscription, filled: []string{"currency", "first_event_at", "last_event_at", "synced_at"}, stale: quietStream,
			about: "It is computed from the set of events, so a late event changes it, a minute later at most. The rules are in docs/state.md of Pianola.",
			values: []acceptedValues{
				{"status", []string{"", "active", "fail_and_retry", "expired", "expired_with_error", "cancelled", "upgraded"}, fails},
				{"end_reason", []string{"payment_failed", "plan_change", "cancelled", "trial_not_converted", "auto_renew_off", "unknown"}, fails},
				{"mrr_basis", []string{"charged", "list", "none"}, fails},
			},
		},
		"piano_api_subscriptions": {
			model: "api_subscriptions", key: subscription, filled: []string{"subscription_status", "synced_at"}, part: api, stale: quietSnapshot,
			about: "Differences between it and subscription_state are in the table drift, with both values.",
			links: []link{{"subscription_id", "subscription_state", "subscription_id", warns, ""}},
		},
		"subscription_traits": {
			model: "subscription_traits", key: subscription, filled: []string{"synced_at"}, part: traits,
			about: "Filled by `pianola reconcile --csv` and `--export`. Freshness is not checked, since files come when somebody loads them.",
			links: []link{{"subscription_id", "piano_api_subscriptions", "subscription_id", warns, ""}},
		},
		"mrr_by_month": {
			key: []string{"month", "currency"}, filled: []string{"as_of"},
			about: "Opening plus movements equals closing. docs/metrics.md of Pianola defines the movements.",
		},
		"customers_by_month": {
			key: []string{"month"}, filled: []string{"as_of"},
			about: "A customer with several currencies counts once.",
		},
		"subscription_ends": {
			key: []string{"subscription_id", "ended_at"}, filled: []string{"currency", "month", "as_of"},
			about:  "A subscription that was reopened may have several ends.",
			values: []acceptedValues{{"kind", []string{"voluntary", "involuntary", "trial", "plan_change", "unknown"}, fails}},
		},
		"dunning_episodes": {
			key: []string{"subscription_id", "started_at"}, filled: []string{"currency", "month", "as_of"},
			about:  "Renewed or Resumed recovers an episode, any end but a plan change loses it.",
			values: []acceptedValues{{"outcome", []string{"recovered", "lost", "plan_change", "open"}, fails}},
		},
		"customer_retention": {
			key: []string{"cohort", "month"}, filled: []string{"as_of"},
			about: "Discovered customers belong to no cohort.",
		},
		"subscriptions_by_day": {
			key: []string{"day", "currency"}, filled: []string{"as_of"},
			about: "Every day from the first event on, days without a change included.",
		},
		"revenue_by_month": {
			key: []string{"month", "currency", "term_name", "resource_name", "country", "experience_name"}, filled: []string{"as_of"}, mayBeEmpty: []string{"term_name", "resource_name", "country", "experience_name"},
			about: "What was charged, not revenue recognised over the period.",
		},
		"subscription_changes": {
			key: []string{"subscription_id", "announced_at", "direction"}, filled: []string{"currency", "month", "as_of"},
			about:  "A change in place takes effect at once, another one at the first event of the new subscription.",
			values: []acceptedValues{{"direction", []string{"upgrade", "downgrade"}, fails}, {"outcome", []string{"effective", "pending", "void"}, fails}},
		},
		"subscription_trials": {
			key: subscription, filled: []string{"currency", "cohort", "as_of"},
			about:  "A trial that ended by a plan change is followed to the subscription that took over.",
			values: []acceptedValues{{"outcome", []string{"converted", "lapsed", "open"}, fails}},
		},
		"trials_by_month": {
			key: []string{"cohort", "currency"}, filled: []string{"as_of"},
			about: "A trial that ended by a plan change counts as converted when the new subscription is charged.",
		},
		"promo_codes": {
			key: []string{"promo_code", "currency"}, filled: []string{"as_of"},
			about: "It describes and does not prove: who uses a code differs from who does not.",
		},
		"month_closings": {
			key: []string{"month", "currency", "metric", "as_of"}, mayBeEmpty: []string{"currency"},
			about: "Rows are only added. The figures as they were stated at a moment are in the view month_figures_as_of, which has a parameter.",
		},
		"subscriptions_at_risk": {
			key: subscription, filled: []string{"currency"}, noModel: "it filters subscription_state, which has no model",
			about: "Several of the marks may be set.",
			links: []link{{"subscription_id", "subscription_state", "subscription_id", fails, ""}},
		},
		"freshness":                {leftOut: "the age of the others, which `dbt source freshness` checks", noModel: "it has the age of ClickHouse's marts"},
		"mrr_movements":            {leftOut: "what mrr_by_month and customers_by_month are made of", key: []string{"month", "currency", "kind", "churn_kind"}},
		"subscription_day_changes": {leftOut: "what subscriptions_by_day is made of"},
		"subscription_timeline":    {leftOut: "the event stream again, with the order of actions at one instant"},
		"internal_subscriptions":   {leftOut: "ids of internal users, which the other views hide already"},
	}
}
