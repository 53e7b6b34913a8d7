package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/pianola/pianola/internal/statement"
)

// TestErasure_PageRemovesOneSubscriber runs the statements of docs/erasure.md, and looks for
// the subscriber in every table.
func TestErasure_PageRemovesOneSubscriber(t *testing.T) {
	page, err := os.ReadFile("../../docs/erasure.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(string(page))
	if block == nil {
		t.Fatal("docs/erasure.md has no statements")
	}
	const database = "erasure"
	environment := append(protocols(t)["native"], "PIANOLA_CLICKHOUSE_DATABASE="+database)
	if got := call(t, environment, "", "migrate"); got.code != exitDone {
		t.Fatalf("migrate: %+v", got)
	}
	conn := server.Connect(t)
	exec := func(sql string) {
		t.Helper()
		if err := conn.Exec(t.Context(), strings.ReplaceAll(sql, "piano.", database+".")); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	number := func(sql string) (n uint64) {
		t.Helper()
		if err := conn.QueryRow(t.Context(), strings.ReplaceAll(sql, "piano.", database+".")).Scan(&n); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		return n
	}
	for _, user := range []string{"u-123", "u-456"} {
		exec(`INSERT INTO piano.subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action)
			SELECT generateUUIDv4(), 'sub-` + user + `', '` + user + `', '2026-01-01 00:00:00', 'Created'`)
		exec(`INSERT INTO piano.dead_letters (source, source_name, source_offset, reason, subscription_id, payload, payload_sha256, decided_at)
			SELECT 'kafka', '` + user + `', 1, 'invalid_value', 'sub-` + user + `', '{"user_id":"` + user + `"}', 'ab', now64(3)`)
		exec(`INSERT INTO piano.drift (kind, subscription_id) SELECT 'status', 'sub-` + user + `'`)
		for _, table := range []string{"subscription_snapshots", "subscription_snapshot_traits", "actions_log"} {
			exec(`INSERT INTO piano.` + table + ` (subscription_id, user_id) SELECT 'sub-` + user + `', '` + user + `'`)
		}
	}
	for _, sql := range strings.Split(strings.TrimSpace(block[1]), ";") {
		if sql != "" {
			exec(sql)
		}
	}
	tables := 0
	err = statement.Each(t.Context(), conn, `SELECT name FROM system.tables WHERE database = '`+database+`' AND engine LIKE '%MergeTree'`, func(row driver.Rows) error {
		var table string
		if err := row.Scan(&table); err != nil {
			return err
		}
		tables++
		// The name of the topic in dead_letters is not the subscriber's.
		find := "SELECT count() FROM piano." + table + " WHERE position(toString(tuple(* EXCEPT (source_name))), '%s') > 0"
		if n := number("SELECT count() FROM system.columns WHERE database = '" + database + "' AND table = '" + table + "' AND name = 'source_name'"); n == 0 {
			find = strings.ReplaceAll(find, " EXCEPT (source_name)", "")
		}
		if n := number(strings.ReplaceAll(find, "%s", "u-123")); n > 0 {
			t.Errorf("%s still has the subscriber", table)
		}
		others := number(strings.ReplaceAll(find, "%s", "u-456"))
		for _, filled := range []string{"subscription_events", "dead_letters", "drift", "subscription_snapshots", "subscription_snapshot_traits", "actions_log"} {
			if table == filled && others != 1 {
				t.Errorf("%s has lost another subscriber", table)
			}
		}
		return nil
	})
	if err != nil || tables < 8 {
		t.Errorf("%d tables, %v", tables, err)
	}
	if n := number("SELECT count() FROM piano.dead_letters"); n != 2 {
		t.Errorf("%d dead letters are left, want 2: the audit needs their rows", n)
	}
}
