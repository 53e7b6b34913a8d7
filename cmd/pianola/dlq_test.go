package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/letters"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed/engine"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/schemas"
)

// protocols are the two ways to the server, as settings.
func protocols(t *testing.T) map[string][]string {
	s := server.Server(t)
	login := []string{"PIANOLA_CLICKHOUSE_USER=" + engine.User, "PIANOLA_CLICKHOUSE_PASSWORD=" + engine.Password}
	return map[string][]string{
		"native": append(login, "PIANOLA_CLICKHOUSE_ADDR="+s.NativeAddr()),
		"http":   append(slices.Clone(login), "PIANOLA_CLICKHOUSE_ADDR="+s.HTTPAddr(), "PIANOLA_CLICKHOUSE_PROTOCOL=http"),
	}
}

// TestCommands_OnARealServer walks through the commands that need ClickHouse in
// the order in which an operator meets them.
func TestCommands_OnARealServer(t *testing.T) {
	tier.Full(t, "runs every command")
	for name, environment := range protocols(t) {
		t.Run(name, func(t *testing.T) {
			environment = append(environment, "PIANOLA_CLICKHOUSE_DATABASE=walk_"+name)
			t.Run("missing_tables_are_one_sentence", func(t *testing.T) {
				got := call(t, environment, "", "dlq", "list")
				if got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
					t.Errorf("got %+v", got)
				}
			})
			t.Run("migrate", func(t *testing.T) { walkMigrate(t, environment) })
			holdState(t, server.Connect(t), "walk_"+name)
			t.Run("dlq", func(t *testing.T) { walkDeadLetters(t, environment, "walk_"+name) })
			t.Run("validate_connects", func(t *testing.T) { walkValidate(t, environment) })
		})
	}
}

func walkMigrate(t *testing.T, environment []string) {
	got := call(t, environment, "", "migrate", "--dry-run")
	if got.code != exitDone || !strings.Contains(got.stdout, "CREATE TABLE IF NOT EXISTS `walk_") {
		t.Fatalf("dry run: %+v", got)
	}
	if again := call(t, environment, "", "migrate", "--dry-run"); again.stdout != got.stdout {
		t.Error("a dry run changed something")
	}
	if got := call(t, environment, "", "migrate"); got.code != exitDone || !strings.Contains(got.stdout, "applied 1 subscription_events") {
		t.Fatalf("migrate: %+v", got)
	}
	if got := call(t, environment, "", "migrate", "--dry-run"); !strings.Contains(got.stdout, "nothing is pending") {
		t.Errorf("dry run afterwards: %+v", got)
	}
	got = call(t, environment, "", "migrate", "--json")
	if got.stdout != fmt.Sprintf("{\n  \"applied\": [],\n  \"timezone\": \"UTC\",\n  \"version\": %d\n}\n", schemas.LatestVersion()) {
		t.Errorf("migrate again: %+v", got)
	}
}

func walkDeadLetters(t *testing.T, environment []string, database string) {
	if got := call(t, environment, "", "dlq", "list"); got.code != exitDone || got.stdout != "no dead letters\n" {
		t.Errorf("empty: %+v", got)
	}
	fill(t, database)

	t.Run("counts_first_then_the_latest", func(t *testing.T) {
		got := call(t, environment, "", "dlq", "list")
		lines := strings.Split(got.stdout, "\n")
		if got.code != exitDone || len(lines) < 8 {
			t.Fatalf("got %+v", got)
		}
		for i, want := range map[int]string{
			1: "2 invalid_timestamp event_timestamp 2026-01-01 00:00:00 2026-01-02 00:00:00",
			2: "1 invalid_json - 2026-01-03 00:00:00 2026-01-03 00:00:00",
			6: "topic@1/0/5 invalid_json - - 2025-12-31 23:59:59 2026-01-03 00:00:00 1 the message is not JSON",
			7: "topic/2/9 invalid_timestamp event_timestamp sub·1 2025-12-31 23:59:59 2026-01-02 00:00:00 2 unreadable",
		} {
			if line := strings.Join(strings.Fields(lines[i]), " "); line != want {
				t.Errorf("line %d\n got %q\nwant %q", i, line, want)
			}
		}
		if strings.Contains(got.stdout, "topic/0/7") {
			t.Error("a resolved dead letter is listed without being asked for")
		}
	})
	t.Run("filters", func(t *testing.T) {
		for arguments, want := range map[string]int{
			"": 3, "--resolved": 4, "--reason invalid_json": 1, "--field event_timestamp": 2, "--topic topic": 3,
			"--since 2026-01-02T00:00:00Z": 2, "--since 2026-01-02T00:00:00+01:00": 2, "--limit 1": 1, "--limit 0": 0, "--reason invalid_timestamp --since 2026-01-01T12:00:00Z": 1,
		} {
			args := append([]string{"dlq", "list", "--json"}, strings.Fields(arguments)...)
			got := call(t, environment, "", args...)
			var found listing
			if err := json.Unmarshal([]byte(got.stdout), &found); err != nil {
				t.Fatalf("%s: %v: %+v", arguments, err, got)
			}
			if len(found.DeadLetters) != want {
				t.Errorf("%q lists %d, want %d", arguments, len(found.DeadLetters), want)
			}
		}
	})
	t.Run("mistyped_topic", func(t *testing.T) {
		for _, more := range []string{"list", "list --json", "redrive", "dismiss"} {
			got := call(t, append(environment, "PIANOLA_KAFKA_BROKERS=127.0.0.1:1"), "", append(append([]string{"dlq"}, strings.Fields(more)...), "--topic", "topci")...)
			if got.code != exitFound || got.stdout != "" || !strings.Contains(got.stderr, "--topic: neither dead_letters nor ingest_ledger has a topic or file of this name") {
				t.Errorf("%s: %+v", more, got)
			}
		}
	})
	t.Run("show", func(t *testing.T) {
		got := call(t, environment, "", "dlq", "show", "topic@1/0/5")
		for _, want := range []string{"invalid_json", "The producer must send the message again", "xxx·[31m 99··", strings.Repeat("ab", 32), "2026-01-03 00:00:00"} {
			if !strings.Contains(got.stdout, want) {
				t.Errorf("does not show %q:\n%s", want, got.stdout)
			}
		}
		var escaped letters.Letter
		encoded := call(t, environment, "", "dlq", "show", "topic@1/0/5", "--json").stdout
		if err := json.Unmarshal([]byte(encoded), &escaped); err != nil || *escaped.Payload != "xxx\x1b[31m 99\u009b\u202e" || strings.ContainsAny(encoded, "\x1b\u009b\u202e") {
			t.Errorf("%v, %+q", err, encoded)
		}
		var one letters.Letter
		if err := json.Unmarshal([]byte(call(t, environment, "", "dlq", "show", "topic/0/7", "--json").stdout), &one); err != nil || one.ResolvedAt == nil || one.At != "topic/0/7" {
			t.Errorf("%v, %+v", err, one)
		}
		if got := call(t, environment, "", "dlq", "show", "topic/0/5"); got.code != exitFailed || !strings.Contains(got.stderr, deadletters.ErrUnknown.Error()) {
			t.Errorf("another epoch: %+v", got)
		}
	})
}

// fill writes four dead letters: two of one reason, one of another epoch whose
// payload would colour the terminal, and one that has been resolved.
func fill(t *testing.T, database string) {
	t.Helper()
	conn := server.Connect(t)
	const columns = "(source, source_name, source_epoch, source_partition, source_offset, reason, field, detail, subscription_id, payload, payload_sha256, message_time, decided_at, attempts, resolved_at)"
	for _, row := range []string{
		"'kafka', 'topic', 0, 0, 7, 'invalid_value', 'user_email', 'no address', 'sub-7', '{}', NULL, '2025-12-31 23:59:59', '2026-01-01 00:00:00', 1, NULL",
		"'kafka', 'topic', 0, 0, 7, 'invalid_value', 'user_email', 'no address', 'sub-7', '{}', NULL, '2025-12-31 23:59:59', '2026-01-04 00:00:00', 2, '2026-01-04 00:00:00'",
		"'kafka', 'topic', 0, 1, 8, 'invalid_timestamp', 'event_timestamp', 'unreadable', NULL, '{}', NULL, '2025-12-31 23:59:59', '2026-01-01 00:00:00', 1, NULL",
		`'kafka', 'topic', 0, 2, 9, 'invalid_timestamp', 'event_timestamp', 'unreadable', 'sub\t1', '{}', NULL, '2025-12-31 23:59:59', '2026-01-02 00:00:00', 2, NULL`,
		`'kafka', 'topic', 1, 0, 5, 'invalid_json', NULL, 'the message is not JSON', NULL, concat('xxx\x1b[31m 99', char(0xc2, 0x9b, 0xe2, 0x80, 0xae)), repeat('ab', 32), '2025-12-31 23:59:59', '2026-01-03 00:00:00', 1, NULL`,
	} {
		if err := conn.Exec(t.Context(), "INSERT INTO "+database+".dead_letters "+columns+" SELECT "+row); err != nil {
			t.Fatal(err)
		}
	}
}

func walkValidate(t *testing.T, environment []string) {
	broker, err := kafka.Start(kafka.Config{Addr: "127.0.0.1:0", Topics: map[string]int{"there": 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	environment = append(environment, "PIANOLA_KAFKA_BROKERS="+broker.Addr())
	got := call(t, environment, "", "config", "validate", "--connect", "--kafka.topics", "there")
	if got.code != exitDone || !strings.Contains(got.stdout, "kafka: ok (topics: 1, partitions: 1, brokers asked: 1, coordinator of group pianola: "+broker.Addr()+", partitions with offsets: 0)\n") ||
		!strings.Contains(got.stdout, "clickhouse and its schema: ok (ClickHouse ") || !strings.Contains(got.stdout, " with schema version ") {
		t.Errorf("all there: %+v", got)
	}
	got = call(t, environment, "", "config", "validate", "--connect", "--kafka.topics", "there,missing", "--clickhouse.database", "nowhere")
	if got.code != exitFailed || !strings.Contains(got.stdout, "kafka: FAILED") || !strings.Contains(got.stdout, "missing") || !strings.Contains(got.stdout, "run pianola migrate") {
		t.Errorf("topic and schema missing: %+v", got)
	}
}

func TestFilter_SinceAcceptsTimeAndDuration(t *testing.T) {
	now := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	var f filter
	if err := f.parse("36h", now); err != nil || !f.since.Equal(now.Add(-36*time.Hour)) {
		t.Errorf("got %v, %v", f.since, err)
	}
	for _, ahead := range []string{"-1h", "2026-01-02T00:00:01Z", "2062-01-02T00:00:00Z"} {
		if err := f.parse(ahead, now); err == nil {
			t.Errorf("%s: a time ahead was taken, and selects nothing", ahead)
		}
	}
}
