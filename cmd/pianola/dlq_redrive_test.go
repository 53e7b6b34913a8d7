package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/replay/kafkalog"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestRedrive_Command walks through plan, execution and repetition, with the
// exit statuses and both forms of the result.
func TestRedrive_Command(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native"})
	topic := s.Topic
	// The database is the default one, which is not there yet.
	environment := []string{
		"PIANOLA_KAFKA_BROKERS=" + s.Settings.Kafka.Brokers[0], "PIANOLA_KAFKA_FETCH_MAX_WAIT=50ms",
		"PIANOLA_CLICKHOUSE_ADDR=" + s.Settings.ClickHouse.Addr[0],
		"PIANOLA_CLICKHOUSE_USER=" + s.Settings.ClickHouse.User, "PIANOLA_CLICKHOUSE_PASSWORD=" + s.Settings.ClickHouse.Password.Reveal(),
		// A field's other name, which the messages need; one of them is beyond help.
		"PIANOLA_TRANSFORM_FIELD_ALIASES=what:event_timestamp",
	}
	if got := call(t, environment, "", "dlq", "redrive"); got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
		t.Errorf("without a schema: %+v", got)
	}
	if got := call(t, environment, "", "migrate"); got.code != exitDone {
		t.Fatalf("migrate: %+v", got)
	}
	holdState(t, s.Analyst, config.Defaults().ClickHouse.Database)
	if got := call(t, environment, "", "dlq", "redrive", "--execute"); got.code != exitDone || got.stdout != "no open dead letters\n" {
		t.Errorf("nothing there: %+v", got)
	}
	plantRefused(s, `{"subscription_id":"a","what":1750000000,"subscription_action":"Renewed"}`, `{"subscription_id":"canary`,
		`{"subscription_id":"b","what":1750000000,"subscription_action":"Renewed"}`)

	t.Run("plan", func(t *testing.T) {
		for range 2 { // it changes nothing
			got := call(t, environment, "", "dlq", "redrive")
			want := topic + " missing_field 3 3 0"
			if line := strings.Join(strings.Fields(lineOf(got.stdout, topic)), " "); got.code != exitDone || line != want || !strings.Contains(got.stdout, "--execute") {
				t.Errorf("want %q: %+v", want, got)
			}
		}
	})
	t.Run("one by its coordinates", func(t *testing.T) {
		for range 2 { // again there is nothing to do
			if got := call(t, environment, "", "dlq", "redrive", topic+"/0/2", "--execute"); got.code != exitDone {
				t.Errorf("%+v", got)
			}
		}
		if got := call(t, environment, "", "dlq", "redrive", topic+"/0/9", "--execute"); got.code != exitFailed || !strings.Contains(got.stderr, deadletters.ErrUnknown.Error()) {
			t.Errorf("of no dead letter: %+v", got)
		}
	})
	t.Run("all, as JSON", func(t *testing.T) {
		got := call(t, environment, "", "dlq", "redrive", "--execute", "--json")
		var report deadletters.Report
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		want := deadletters.Group{Topic: topic, Reason: "missing_field", Letters: 2, Stored: 1, Failed: 1}
		if got.code != exitFound || !report.Executed || !report.Complete || report.Open != 1 || len(report.Groups) != 1 || report.Groups[0] != want {
			t.Errorf("got %+v, exit %d", report, got.code)
		}
		if !strings.Contains(got.stderr, "dead letters redriven") || !strings.Contains(got.stderr, "1 dead letters remain open") || strings.Contains(got.stderr+got.stdout, "canary") {
			t.Errorf("standard error: %s", got.stderr)
		}
	})
	t.Run("all, as a table", func(t *testing.T) {
		got := call(t, environment, "", "dlq", "redrive", "--reason", "invalid_json", "--execute")
		want := topic + " invalid_json 1 0 0 0 0 1 0 0"
		if line := strings.Join(strings.Fields(lineOf(got.stdout, topic)), " "); got.code != exitFound || line != want {
			t.Errorf("want %q: %+v", want, got)
		}
	})
	t.Run("nobody answers", func(t *testing.T) {
		got := call(t, append(environment, "PIANOLA_KAFKA_DIAL_TIMEOUT=200ms"), "", "dlq", "redrive", "--kafka.brokers", "127.0.0.1:1")
		if got.code != exitFailed || !strings.Contains(got.stderr, "kafka.brokers") {
			t.Errorf("%+v", got)
		}
	})
}

func TestRedrive_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
		says string
	}{
		"coordinates":   {[]string{"17"}, exitUsage, "TOPIC/PARTITION/OFFSET"},
		"reason":        {[]string{"--reason", "bad"}, exitUsage, "invalid_json"},
		"field":         {[]string{"--field", "bad"}, exitUsage, "user_email"},
		"since":         {[]string{"--since", "yesterday"}, exitUsage, "24h"},
		"configuration": {nil, exitConfiguration, "kafka.brokers"},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, nil, "", append([]string{"dlq", "redrive"}, c.args...)...)
			if got.code != c.want || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestRedriveText_ListsGoneMessages has what a small walk does not meet.
func TestRedriveText_ListsGoneMessages(t *testing.T) {
	text := redriveText(&deadletters.Report{
		Executed: true, Letters: 5, Open: 5,
		Groups: []deadletters.Group{{Topic: "a\x1bb", Reason: "invalid_json", Letters: 5, Gone: 3, Unread: 2}},
		Gone:   []deadletters.Gone{{Cause: kafkalog.Retention, Letters: 3}},
	}, 0)
	for _, want := range []string{"a·b", "3 removed by retention", "ended early"} {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q:\n%s", want, text)
		}
	}
}

// plantRefused puts messages into partition 0 and their dead letters, as of a consumer
// that did not know their notation, into ClickHouse.
func plantRefused(s *testbed.Fixture, values ...string) {
	s.Helper()
	sent := time.UnixMilli(1_750_000_000_123)
	for offset, value := range values {
		s.Produce(kafka.Record{Value: []byte(value), Time: sent})
		s.Exec(fmt.Sprintf(`INSERT INTO piano.dead_letters
			(source, source_name, source_offset, reason, field, message_time, payload_sha256, decided_at, attempts)
			SELECT 'kafka', '%s', %d, 'missing_field', 'event_timestamp', fromUnixTimestamp64Milli(toInt64(%d)), lower(hex(SHA256('%s'))), now64(3), 1`,
			s.Topic, offset, sent.UnixMilli(), value))
	}
}
