package schemas

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The roles of ClickHouse.
const (
	RoleIngest      = "pianola_ingest"
	RoleMigrate     = "pianola_migrate"
	RoleRead        = "pianola_read"
	RoleExport      = "pianola_export"
	RoleAnalyst     = "pianola_analyst"
	RoleAnalystHash = "pianola_analyst_hash"
	RoleCare        = "pianola_care"
	RolePromo       = "pianola_promo"
	RoleErase       = "pianola_erase"
	RoleConsole     = "pianola_console"
	RoleConsoleOps  = "pianola_console_ops"
	RoleConsoleCare = "pianola_console_care"

	RoleConsolePromo = "pianola_console_promo"
)

// Role is what one kind of user needs in ClickHouse, and nothing else.
type Role struct {
	Name     string
	For      string // a comment: who needs it
	Grants   []Grant
	Settings []Setting
	// HourlyQuota limits what each user of the role does in an hour, by ClickHouse's names.
	HourlyQuota map[string]uint64
}

// Setting is a setting of a role. Its users may change it between Min and Max; without
// these they cannot change it.
type Setting struct{ Name, Value, Min, Max string }

// Grant is one privilege.
type Grant struct {
	Privilege string   // SELECT, INSERT, ALTER DELETE, …
	Columns   []string // empty: all, those of later migrations included
	Database  string   // empty: On is no table
	On        string   // a table, a view, or *
}

// SQL is the part of a GRANT statement before TO.
func (g Grant) SQL() string {
	privilege, on := g.Privilege, g.On
	if len(g.Columns) > 0 {
		privilege += "(" + strings.Join(g.Columns, ", ") + ")"
	}
	if g.Database != "" {
		on = g.Database + "." + on
	}
	return "GRANT " + privilege + " ON " + on
}

// hashColumn is the pseudonym of an address.
const hashColumn = "user_email_hash_sha256"

// written are the tables that `pianola run` and its tools insert into.
var written = []string{
	"subscription_events", "dead_letters", "filtered_subscriptions", "ingest_ledger",
	"subscription_snapshots", "subscription_snapshot_traits", "snapshot_runs",
	"drift", "reconciliation_runs", "reconciliation_comparisons", "reconciliation_targets",
	"replay_jobs", "replay_claims",
	"segment_runs", "segment_members", "promotion_rules", "promo_conversions",
}

// promoWritten are the tables of segments, experiments and redeemed codes.
var promoWritten = []string{"segment_runs", "segment_members", "promotion_rules", "promo_conversions", "experiments", "experiment_assignments"}

// dropped are the tables from which a reconciliation or a job drops its own partitions.
var dropped = []string{
	"subscription_snapshots", "subscription_snapshot_traits",
	"reconciliation_comparisons", "reconciliation_targets", "replay_claims", "segment_members",
}

// erased are the tables from which an erasure deletes rows. A test of internal/erasure
// compares them with what it derives from the schema.
var erased = []string{
	"subscription_ends", "dunning_episodes", "subscription_changes", "subscription_trials", "subscriptions_at_risk",
	"subscription_events", "filtered_subscriptions", "subscription_snapshots", "subscription_snapshot_traits", "drift", "actions_log",
	"reconciliation_comparisons", "reconciliation_targets", "replay_claims", "plan_changes", "subscriptions",
	"promo_conversions", "segment_members", "experiment_assignments",
}

// analystViews are what analysts read. A view reads with the rights of its reader, so
// the columns behind it are granted too.
var analystViews = []string{
	"piano_subscriber_event_stream", "analytics_events", "subscription_timeline", "subscription_state",
	"piano_api_subscriptions", "subscription_traits", "internal_subscriptions",
}

// parameterViews are views with parameters, which have no columns to grant. None of them
// has the hash.
var parameterViews = []string{"subscription_state_at", "subscription_state_of", "month_figures_as_of"}

// behindViews are the columns of the tables that those views read; a nil list is what
// the view's own columns are. None of them is the hash.
var behindViews = []struct {
	table   string
	columns []string
}{
	{"subscription_events", append(eventColumnsWithoutHash(), "version", "synced_at")},
	{"filtered_subscriptions", []string{"subscription_id", "version", "filtered_at"}},
	{"subscription_snapshots", []string{
		"snapshot_id", "subscription_id", "user_id", "started_at", "billing_period", "subscription_status", "term_type",
		"regular_price", "currency", "autorenew", "autorenew_disabled_at", "expiry_reason", "filtered", "unreadable", "synced_at",
	}},
	{"subscription_snapshot_traits", nil},
	{"snapshot_runs", []string{"snapshot_id", "source", "state", "as_of", "completed_at", "whole"}},
	{"reconciliation_runs", []string{"state", "as_of"}},
	{"drift", []string{"kind", "severity", "last_seen_at", "closed_at"}},
}

func eventColumnsWithoutHash() (names []string) {
	for _, c := range ContractColumns() {
		if c.Name != hashColumn {
			names = append(names, c.Name)
		}
	}
	return names
}

// Roles returns the roles in the order of the documentation.
func Roles(o Options) ([]Role, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	on := func(privilege string, tables ...string) (all []Grant) {
		for _, table := range tables {
			all = append(all, Grant{Privilege: privilege, Database: o.Database, On: table})
		}
		return all
	}
	analyst, hash, err := analystGrants(o)
	if err != nil {
		return nil, err
	}
	return []Role{
		{
			Name: RoleIngest, For: "`pianola run`, `reconcile`, `replay`, `dlq redrive` and `dlq dismiss`",
			Grants: slices.Concat(on("SELECT", "*"), on("INSERT", written...), on("ALTER DELETE", dropped...)),
		},
		{
			Name: RoleMigrate, For: "`pianola migrate`",
			// The views that replace a mart run as this user, and ClickHouse wants INSERT and
			// DROP TABLE on the whole database for that.
			Grants: slices.Concat(
				on("CREATE DATABASE", "*"), on("CREATE TABLE", "*"), on("SELECT", "*"), on("INSERT", "*"), on("DROP TABLE", "*"),
				[]Grant{{"TABLE ENGINE", nil, "", "MergeTree"}, {"TABLE ENGINE", nil, "", "ReplacingMergeTree"}}),
		},
		{
			Name: RoleRead, For: "`pianola audit`, `dlq list`, `dlq show`, `offsets`, `replay list`, `config validate --connect`; for `pianola diff` also on the second database",
			Grants: on("SELECT", "*"),
		},
		{
			Name: RoleExport, For: "`pianola export`; an export of export.schedule runs as the user of `pianola run`",
			Grants: on("SELECT", "piano_subscriber_event_stream", "subscription_events", "ingest_ledger", "piano_api_subscriptions",
				"subscription_snapshots", "snapshot_runs", "internal_subscriptions", "filtered_subscriptions", "subscription_traits",
				"subscription_snapshot_traits", "analytics_events", "subscription_state", "subscriptions"),
		},
		{
			Name: RoleAnalyst, For: "analysts and dashboards: the documented views, without the hash of addresses",
			Grants: analyst,
			Settings: []Setting{
				{Name: "readonly", Value: "2"}, // clients set settings of a query, which 1 forbids
				{Name: "enable_analyzer", Value: "1"},
				// IS NULL would read a part of a column, for which ClickHouse wants the whole table.
				{Name: "optimize_functions_to_subcolumns", Value: "0"},
				{Name: "max_execution_time", Value: "300", Min: "1", Max: "300"}, // 0 is no limit
				{Name: "max_memory_usage", Value: "8000000000", Min: "1", Max: "8000000000"},
				{Name: "max_concurrent_queries_for_user", Value: "10"},
			},
			HourlyQuota: map[string]uint64{"queries": 1000, "execution_time": 3600},
		},
		{
			Name: RoleAnalystHash, For: "analysts who may join by the hash of addresses; grant it in addition to " + RoleAnalyst,
			Grants: hash,
		},
		{
			Name: RoleCare, For: "`pianola subscriber`, `subscription` and `access`",
			Grants: slices.Concat(
				on("SELECT", VersionTable, "subscription_events", "subscription_snapshots", "snapshot_runs", "drift", "filtered_subscriptions", "actions_log"),
				[]Grant{{"SELECT", []string{"subscription_id", "resolved_at"}, o.Database, "dead_letters"}},
				on("INSERT", "actions_log")),
		},
		{
			Name: RolePromo, For: "`pianola promo`",
			Grants: slices.Concat(on("SELECT", "*"),
				on("INSERT", promoWritten...), on("INSERT", "actions_log"),
				on("ALTER DELETE", "segment_members")),
		},
		{
			Name: RoleErase, For: "`pianola erase` and `purge-internal`",
			Grants: slices.Concat(on("SELECT", "*"), on("INSERT", "erasures", "erasure_targets", "suppressions", "filtered_subscriptions"),
				on("INSERT", StateTable), // asks for the state of shared subscriptions
				on("ALTER DELETE", erased...), on("ALTER DELETE", "erasure_targets"), []Grant{
					{"SELECT", nil, "system", "view_refreshes"}, // a running refresh has read what is deleted
					{"ALTER UPDATE", []string{"upgrade_to_subscription_id"}, o.Database, "subscription_events"},
					{"ALTER UPDATE", []string{"payload", "payload_sha256", "subscription_id", "dismissed_by", "dismissed_why"}, o.Database, "dead_letters"},
					{"ALTER UPDATE", []string{"plan"}, o.Database, "replay_jobs"},
					{"ALTER UPDATE", []string{"change_to_subscription_id"}, o.Database, "subscriptions"},
					{"ALTER UPDATE", []string{"change_to_subscription_id"}, o.Database, "subscription_changes"},
					{"ALTER UPDATE", []string{"converted_subscription_id"}, o.Database, "subscription_trials"},
				}),
		},
		{
			Name: RoleConsole, For: "`pianola console`: the pages of operation and of the business, read-only",
			Grants: slices.Concat(
				on("SELECT", VersionTable, "ingest_ledger", "dead_letters", "drift", "reconciliation_runs", "reconciliation_comparisons", "snapshot_runs", "replay_jobs"),
				on("SELECT", "freshness", "subscription_state", "piano_api_subscriptions", "internal_subscriptions", "subscriptions", "filtered_subscriptions"),
				on("SELECT", "analytics_calendar"), on("SELECT", Marts()...), on("SELECT", MartViews()...),
				[]Grant{
					{"SELECT", consoleEventColumns, o.Database, "subscription_events"},
					{"SELECT", consoleSnapshotColumns, o.Database, "subscription_snapshots"},
					{"SELECT", []string{"erasure_id", "kind", "state", "started_at", "completed_at", "entries", "counts", "written_at"}, o.Database, "erasures"},
				}),
		},
		{
			Name: RoleConsoleOps, For: "`pianola console` with people of the role ops: redrive, dismiss, cancel; grant it in addition to " + RoleConsole,
			Grants: slices.Concat(on("SELECT", "subscription_events", "suppressions", "replay_claims"),
				on("INSERT", "subscription_events", "dead_letters", "filtered_subscriptions", "replay_jobs", "actions_log"), on("ALTER DELETE", "replay_claims")),
		},
		{
			Name: RoleConsoleCare, For: "`pianola console` with people of the roles care and care_money; grant it in addition to " + RoleConsole,
			Grants: slices.Concat(on("SELECT", "piano_subscriber_event_stream", "subscription_timeline", "subscription_traits", "subscription_snapshot_traits",
				"subscription_events", "actions_log"), on("INSERT", "actions_log")),
		},
		{
			Name: RoleConsolePromo, For: "`pianola console` with people of the role promo; grant it in addition to " + RoleConsole,
			Grants: slices.Concat(on("SELECT", "promotion_rules", "promo_conversions", "segment_runs", "segment_members", "experiments", "experiment_assignments",
				"subscription_traits", "subscription_snapshot_traits", "suppressions"),
				on("INSERT", promoWritten...), on("INSERT", "actions_log"), on("ALTER DELETE", "segment_members")),
		},
	}, nil
}

// consoleEventColumns are what the pages of operation show of events: neither users nor the
// hash of addresses.
var consoleEventColumns = []string{
	"subscription_id", "event_timestamp", "subscription_action", "next_billed_at", "billing_period", "term_type", "term_name",
	"transaction_value", "upgrade_to_subscription_id", "version", "synced_at",
}

// consoleSnapshotColumns are those of the snapshot.
var consoleSnapshotColumns = []string{
	"snapshot_id", "subscription_id", "started_at", "billing_period", "subscription_status", "term_type",
	"regular_price", "autorenew", "autorenew_disabled_at", "expiry_reason", "filtered", "unreadable", "synced_at",
}

// analystGrants lists columns, so that a column of a later migration is not granted
// before somebody has decided it.
func analystGrants(o Options) (plain, hash []Grant, err error) {
	objects, err := Catalogue()
	if err != nil {
		return nil, nil, err
	}
	declared := map[string][]string{}
	for _, object := range objects {
		for _, c := range object.Columns {
			declared[object.Name] = append(declared[object.Name], c.Name)
		}
	}
	add := func(name string, columns []string) {
		if slices.Contains(columns, hashColumn) {
			hash = append(hash, Grant{"SELECT", []string{hashColumn}, o.Database, name})
			columns = slices.DeleteFunc(slices.Clone(columns), func(c string) bool { return c == hashColumn })
		}
		plain = append(plain, Grant{"SELECT", columns, o.Database, name})
	}
	for _, view := range analystViews {
		add(view, declared[view])
	}
	// The views of subscriptions read parts of a tuple, for which ClickHouse wants the whole
	// table. No mart has the hash.
	for _, view := range slices.Concat(parameterViews, []string{"subscriptions", "analytics_calendar"}, MartViews(), Marts()) {
		plain = append(plain, Grant{Privilege: "SELECT", Database: o.Database, On: view})
	}
	for _, behind := range behindViews {
		columns := behind.columns
		if columns == nil {
			columns = declared[behind.table]
		}
		add(behind.table, columns)
	}
	hash = append(hash, Grant{"SELECT", []string{hashColumn}, o.Database, "subscription_events"})
	return plain, hash, nil
}

// SQL creates the role on a server. It may run again: it only adds what is missing.
func (r Role) SQL() string {
	var b strings.Builder
	fmt.Fprintf(&b, "-- %s\n", r.For)
	fmt.Fprintf(&b, "CREATE ROLE IF NOT EXISTS %s;\n", r.Name)
	for _, g := range r.Grants {
		fmt.Fprintf(&b, "%s TO %s;\n", g.SQL(), r.Name)
	}
	if len(r.Settings) > 0 {
		var settings []string
		for _, s := range r.Settings {
			limits := "CONST"
			if s.Max != "" {
				limits = "MIN " + s.Min + " MAX " + s.Max
			}
			settings = append(settings, s.Name+" = "+s.Value+" "+limits)
		}
		fmt.Fprintf(&b, "CREATE SETTINGS PROFILE IF NOT EXISTS %s SETTINGS %s TO %s;\n", r.Name, strings.Join(settings, ", "), r.Name)
	}
	if len(r.HourlyQuota) > 0 {
		var limits []string
		for _, name := range slices.Sorted(maps.Keys(r.HourlyQuota)) {
			limits = append(limits, fmt.Sprintf("%s = %d", name, r.HourlyQuota[name]))
		}
		fmt.Fprintf(&b, "CREATE QUOTA IF NOT EXISTS %s KEYED BY user_name FOR INTERVAL 1 hour MAX %s TO %s;\n", r.Name, strings.Join(limits, ", "), r.Name)
	}
	return b.String()
}
