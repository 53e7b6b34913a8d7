package schemas_test

import (
	_ "embed"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/pianola/pianola/internal/wait"
)

//go:embed testdata/scale_events.sql
var scaleEvents string

const scaleSnapshot = "00000000-0000-0000-0000-000000000001"

// fill stores the events of subscriptions and a snapshot with all of them. The database must
// be new.
func (s *scaleTest) fill(subscriptions int) {
	s.Helper()
	const chunk = 500_000
	now := time.Now()
	text := template.Must(template.New("events").Parse(scaleEvents))
	for first := 0; first < subscriptions; first += chunk {
		var sql strings.Builder
		if err := text.Execute(&sql, map[string]any{
			"Table": s.options.Table("subscription_events"), "Now": now.UnixMilli(), "FilledFrom": now.Add(-time.Hour).UTC().Format(time.DateTime),
			"First": first, "Count": min(chunk, subscriptions-first), "Last": min(first+chunk, subscriptions) - 1,
		}); err != nil {
			s.Fatal(err)
		}
		s.exec(sql.String())
	}
	events := s.options.Table("subscription_events")
	s.exec(`INSERT INTO ` + s.options.Table("subscription_snapshots") + ` (snapshot_id, subscription_id, user_id, subscription_status, regular_price, currency, billing_period, synced_at)
		SELECT toUUID('` + scaleSnapshot + `'), subscription_id, user_id, 'active', price, splitByString(', ', assumeNotNull(term_name))[2], billing_period, now64(3)
		FROM (SELECT subscription_id, any(user_id) AS user_id, max(transaction_value) AS price, any(term_name) AS term_name, any(billing_period) AS billing_period
			FROM ` + events + ` GROUP BY subscription_id)
		SETTINGS max_bytes_before_external_group_by = 2000000000`)
	s.exec(`INSERT INTO ` + s.options.Table("snapshot_runs") + ` (snapshot_id, source, state, as_of, whole, written_at)
		SELECT toUUID('` + scaleSnapshot + `'), 'api', 'complete', now64(3) - 60, true, now64(3)`)
	// Of two in a thousand subscriptions the newest delivery was filtered. Of four in a
	// thousand, nothing else is known.
	s.exec(`INSERT INTO ` + s.options.Table("filtered_subscriptions") + ` (subscription_id, version, filtered_at)
		SELECT DISTINCT subscription_id, 18446744073709551615, now64(3) FROM ` + events + ` WHERE cityHash64(subscription_id) % 500 = 0
		UNION ALL SELECT concat('RCI', toString(number)), 1, now64(3) FROM numbers(` + strconv.Itoa(subscriptions/250) + `)`)
}

// addTraffic stores new events of random subscriptions, as some seconds of live traffic: few
// of the subscriptions are new.
func (s *scaleTest) addTraffic(events int) {
	s.Helper()
	s.exec(`INSERT INTO ` + s.options.Table("subscription_events") + ` (event_id, subscription_id, user_id, event_timestamp, subscription_action, next_billed_at, transaction_value,
			term_type, term_name, billing_period, upgrade_to_subscription_id, subscription_action_raw, version, synced_at, source, source_name, source_offset)
		WITH bitShiftRight(cityHash64(number, toUnixTimestamp(now())), 40) / 16777216 AS dice
		SELECT reinterpretAsUUID(murmurHash3_128(concat(old.subscription_id, '\x1f', toString(at), '\x1f', action))),
			if(dice > 0.95, concat('RCN', toString(number), '-', toString(toUnixTimestamp(now()))), old.subscription_id), old.user_id, fromUnixTimestamp64Milli(at, 'UTC'),
			multiIf(dice < 0.7, 'Renewed', dice < 0.8, 'PaymentFailed', dice < 0.9, 'Auto-renew disabled', dice < 0.94, 'Expired', dice < 0.95, 'Upgraded', 'Created') AS action,
			if(dice < 0.8 OR dice >= 0.95, now64(3) + INTERVAL 1 MONTH, NULL), if(dice < 0.7 OR dice >= 0.95, toDecimal64(9.99, 4), NULL),
			'payment', 'Basic 1 months, EUR', '1 month', if(action = 'Upgraded', concat('RCU', toString(number)), NULL), action, at * 1048576 + number, 
			now64(3) - toIntervalSecond(number % 20), 'kafka', 'benchmark', number
		FROM
		(
			SELECT subscription_id, user_id, rowNumberInAllBlocks() AS number, toUnixTimestamp64Milli(now64(3)) - number % 20000 AS at
			FROM ` + s.options.Table("subscription_snapshots") + ` ORDER BY cityHash64(subscription_id, now()) LIMIT ` + strconv.Itoa(events) + `
		) AS old
		SETTINGS optimize_on_insert = 0`)
}

// awaitMerges waits until the merges that an insert caused have ended.
func (s *scaleTest) awaitMerges() {
	s.Helper()
	calm := 0
	err := wait.Until(s.Context(), time.Second, func() (bool, error) {
		if calm++; s.text("SELECT count() FROM system.merges") != "0" {
			calm = 0
		}
		return calm > 3, nil
	})
	if err != nil {
		s.Fatal(err)
	}
}
