package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/subscriber"
)

// TestSubscriber_Command is the exit status and both forms of output; what is read is
// tested beside the package subscriber.
func TestSubscriber_Command(t *testing.T) {
	conn := server.Connect(t)
	const database = "subscriber"
	ways := protocols(t)
	if got := call(t, append(ways["native"], "PIANOLA_CLICKHOUSE_DATABASE="+database), "", "subscriber", "RC1"); got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
		t.Errorf("without a schema: %+v", got)
	}
	for way, environment := range ways {
		environment = append(environment, "PIANOLA_CLICKHOUSE_DATABASE="+database)
		if got := call(t, environment, "", "migrate"); got.code != exitDone {
			t.Fatalf("%+v", got)
		}
		holdState(t, conn, database)
		if err := conn.Exec(t.Context(), `TRUNCATE TABLE `+database+`.subscription_events`); err != nil {
			t.Fatal(err)
		}
		if err := conn.Exec(t.Context(), `INSERT INTO `+database+`.subscription_events (event_id, subscription_id, user_id, event_timestamp, subscription_action, term_name, transaction_value, next_billed_at,
				term_type, billing_period, user_email_hash_sha256, version, synced_at, source_name, source_offset)
			SELECT generateUUIDv4(), 'RC1', 'u-1', '2026-01-03 10:00:00', 'Created', 'Digital \x1b[31m', 99, '2100-02-03 10:00:00', 'payment', '1 month',
				lower(hex(SHA256('kari@example.com'))), 1, now64(3), 'events', 7`); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"RC1", "u-1", "KARI@example.com", "-"} {
			got := call(t, environment, " kari@example.com\r\n\n", "subscriber", key)
			for _, want := range []string{"user u-1, subscriptions: 1, as of ", "RC1  active, renews 3 Feb 2100 for 99\n", "  money   paid 99 unknown (payments: 1)", "not in the latest complete snapshot", "2026-01-03 10:00:00  Created", "events/0/7"} {
				if got.code != exitDone || !strings.Contains(got.stdout, want) {
					t.Errorf("%s, %s: %d, does not say %q:\n%s%s", way, key, got.code, want, got.stdout, got.stderr)
				}
			}
			if strings.ContainsAny(got.stdout, "\x1b@") {
				t.Errorf("%s, %s: %q", way, key, got.stdout)
			}
		}
		got := call(t, environment, "", "subscriber", "u-1", "--json")
		var report subscriber.Report
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || len(report.Subscriptions) != 1 || report.FoundBy != "user_id" {
			t.Errorf("%s: %v %+v", way, err, got)
		}
		for _, key := range []string{"RC2", "nobody@example.com"} {
			if got := call(t, environment, "", "subscriber", key); got.code != exitFailed || !strings.Contains(got.stderr, "no subscription, user or address") || strings.Contains(got.stderr, key) || got.stdout != "" {
				t.Errorf("%s, %s: %+v", way, key, got)
			}
		}
	}
	for name, c := range map[string]struct {
		key, stdin, says string
	}{
		"nothing":   {"-", "\n", "standard input is empty"},
		"two lines": {"-", "kari@example.com\nu-2\n", "standard input has more than one line; give one at a time"},
		"too long":  {"-", strings.Repeat("u-2 ", 1<<15), "standard input is longer than 65536 bytes"},
		"empty":     {"  ", "", "the key is empty"},
	} {
		if got := call(t, append(protocols(t)["native"], "PIANOLA_CLICKHOUSE_DATABASE="+database), c.stdin, "subscriber", c.key); got.code == exitDone || !strings.Contains(got.stderr, c.says) || strings.Contains(got.stderr, "u-2") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
