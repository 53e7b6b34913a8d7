// Package traces writes rows that name a person into every table, and finds what names
// somebody. The tests of erasures use it.
package traces

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
	"github.com/pianola/pianola/schemas"
)

// messages are rows that messages leave. ANOTHER is a name that does not have the person's.
var messages = []string{
	"subscription_events (event_id, subscription_id, user_id, user_email_hash_sha256, event_timestamp, synced_at) SELECT generateUUIDv4(), 'SUB', 'USER', 'HASH', '2026-01-01', '2026-01-01'",
	"subscription_events (event_id, subscription_id, user_id, upgrade_to_subscription_id, event_timestamp, synced_at) SELECT generateUUIDv4(), 'changer ' || ANOTHER, 'somebody', 'SUB', '2026-01-01', '2026-01-01'",
	"dead_letters (source_name, source_offset, subscription_id, payload) SELECT 'letter ' || ANOTHER, 1, 'SUB', '{\"user_id\":\"USER\"}'",
	"filtered_subscriptions (subscription_id) SELECT 'SUB'",
}

// others are rows that Pianola writes beside messages.
var others = []string{
	"subscription_snapshots (subscription_id, user_id) SELECT 'SUB', 'USER'",
	"subscription_snapshot_traits (subscription_id, user_id) SELECT 'SUB', 'USER'",
	"actions_log (subscription_id, user_id) SELECT 'SUB', 'USER'",
	"drift (kind, subscription_id) SELECT 'status', 'SUB'",
	"drift (kind, subscription_id, stream_value) SELECT 'user_id', 'moved-SUB', 'USER'",
	"reconciliation_targets (run_id, subscription_id) SELECT generateUUIDv4(), 'SUB'",
	"reconciliation_comparisons (run_id, subscription_id, differences) SELECT generateUUIDv4(), 'x-SUB', [('user_id', 'USER', NULL, false)]",
	"replay_jobs (job_id, record, state, plan, rules) SELECT 'job ' || ANOTHER, 'progress', 'complete', '{\"filter\":{\"subscriptions\":[\"SUB\"]}}', '{}'",
	"replay_claims (job_id, event_id) SELECT 'job', event_id FROM DATABASE.subscription_events WHERE subscription_id = 'SUB'",
	"plan_changes (target_subscription_id, subscription_id) SELECT 'SUB', 'SUB'",
	"subscriptions (subscription_id, user_id, change_to_subscription_id) SELECT 'SUB', 'USER', 'SUB'",
	"subscriptions (subscription_id, user_id, change_to_subscription_id) SELECT 'changer ' || ANOTHER, 'somebody', 'SUB'",
	"subscription_ends (subscription_id, customer) SELECT 'SUB', 'USER'",
	"dunning_episodes (subscription_id, customer) SELECT 'SUB', 'subscription:SUB'",
	"subscription_changes (subscription_id, customer, change_to_subscription_id) SELECT 'SUB', 'USER', 'SUB'",
	"subscription_changes (subscription_id, customer, change_to_subscription_id) SELECT 'changer ' || ANOTHER, 'somebody', 'SUB'",
	"subscription_trials (subscription_id, customer, converted_subscription_id) SELECT 'SUB', 'USER', 'SUB'",
	"subscriptions_at_risk (subscription_id, customer) SELECT 'SUB', 'USER'",
	"subscription_trials (subscription_id, customer, converted_subscription_id) SELECT 'changer ' || ANOTHER, 'somebody', 'SUB'",
	"promo_conversions (conversion_id, subscription_id) SELECT 'conversion ' || ANOTHER, 'SUB'",
	"segment_members (run_id, user_id, subscription_id) SELECT generateUUIDv4(), 'USER', 'SUB'",
	"experiment_assignments (experiment_id, user_id) SELECT 'experiment', 'USER'",
}

// Person is somebody with rows in the tables.
type Person struct{ User, Subscription, AddressHash string }

// LeaveMessages writes the rows that messages of the person leave.
func LeaveMessages(ctx context.Context, conn driver.Conn, o schemas.Options, p Person) error {
	return leave(ctx, conn, o, p, messages)
}

// Leave writes rows that name the person into the tables that messages do not fill.
func Leave(ctx context.Context, conn driver.Conn, o schemas.Options, p Person) error {
	return leave(ctx, conn, o, p, others)
}

func leave(ctx context.Context, conn driver.Conn, o schemas.Options, p Person, rows []string) error {
	names := strings.NewReplacer("ANOTHER", "toString(cityHash64('"+p.Subscription+"'))", "SUB", p.Subscription, "USER", p.User, "HASH", p.AddressHash, "DATABASE", o.Database)
	for _, row := range rows {
		table, rest, _ := strings.Cut(row, " ")
		if err := conn.Exec(ctx, "INSERT INTO "+o.Table(table)+" "+names.Replace(rest)); err != nil {
			return fmt.Errorf("leave a trace in %s: %w", table, err)
		}
	}
	return nil
}

// minTables is fewer than the schema has: a scan of fewer is of another database.
const minTables = 15

// Of returns the tables with a row that has one of the texts as a word, by a scan of every
// column.
func Of(ctx context.Context, conn driver.Conn, o schemas.Options, texts ...string) (with []string, err error) {
	quoted := make([]string, len(texts))
	for i, text := range texts {
		quoted[i] = regexp.QuoteMeta(text)
	}
	return Matching(ctx, conn, o, "(^|[^A-Za-z0-9])("+strings.Join(quoted, "|")+")($|[^A-Za-z0-9])")
}

// Matching returns the tables with a row that a regular expression matches, by a scan of
// every column.
func Matching(ctx context.Context, conn driver.Conn, o schemas.Options, pattern string) (with []string, err error) {
	ctx = clickhouse.Context(ctx, clickhouse.WithParameters(clickhouse.Parameters{"pattern": statement.Text(pattern), "database": o.Database}))
	found := 0
	err = statement.Each(ctx, conn, "SELECT name FROM system.tables WHERE database = {database:String} AND engine LIKE '%MergeTree'", func(row driver.Rows) error {
		var table string
		if err := row.Scan(&table); err != nil {
			return err
		}
		found++
		var n uint64
		err := conn.QueryRow(ctx, "SELECT count() FROM "+o.Table(table)+" WHERE match(toString(tuple(*)), {pattern:String})").Scan(&n)
		if n > 0 {
			with = append(with, table)
		}
		return err
	})
	if err == nil && found < minTables {
		err = fmt.Errorf("database %s has %d tables", o.Database, found)
	}
	return with, err
}
