package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/replay/deadletters"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// TestDismiss_Command walks through plan, execution and what the other commands say
// afterwards.
func TestDismiss_Command(t *testing.T) {
	s := services(t).Fixture(t, testbed.Config{Protocol: "native"})
	environment := []string{ // with the default database
		"PIANOLA_KAFKA_BROKERS=" + s.Settings.Kafka.Brokers[0], "PIANOLA_KAFKA_FETCH_MAX_WAIT=50ms",
		"PIANOLA_CLICKHOUSE_ADDR=" + s.Settings.ClickHouse.Addr[0],
		"PIANOLA_CLICKHOUSE_USER=" + s.Settings.ClickHouse.User, "PIANOLA_CLICKHOUSE_PASSWORD=" + s.Settings.ClickHouse.Password.Reveal(),
	}
	if got := call(t, environment, "", "migrate"); got.code != exitDone {
		t.Fatalf("migrate: %+v", got)
	}
	holdState(t, s.Analyst, config.Defaults().ClickHouse.Database)
	plantRefused(s, `{"subscription_id":"a","what":1750000000,"subscription_action":"Renewed"}`, `{"subscription_id":"canary`,
		`{"subscription_id":"b","what":1750000000,"subscription_action":"Renewed"}`)
	s.DeleteBefore(0, 2)

	got := call(t, environment, "", "dlq", "dismiss")
	if line := strings.Join(strings.Fields(lineOf(got.stdout, s.Topic)), " "); got.code != exitDone || line != s.Topic+" missing_field 3 2 1 0" || !strings.Contains(got.stdout, "dry run; add --by, --why and --execute") {
		t.Errorf("plan: %+v", got)
	}
	got = call(t, environment, "", "dlq", "dismiss", "--by", "J. Doe", "--why", "older than retention", "--execute", "--json")
	var report deadletters.DismissReport
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil {
		t.Fatalf("%v: %+v", err, got)
	}
	if got.code != exitFound || report.Dismissed != 2 || report.Open != 1 || !report.Complete || strings.Contains(got.stdout+got.stderr, "canary") {
		t.Errorf("executed: %+v", got)
	}
	if got := call(t, environment, "", "dlq", "show", s.Topic+"/0/1"); got.code != exitDone || !strings.Contains(got.stdout, "dismissed by     J. Doe") || !strings.Contains(got.stdout, "reason given     older than retention") {
		t.Errorf("show: %+v", got)
	}
	if got := call(t, environment, "", "dlq", "list", "--resolved"); !strings.Contains(got.stdout, "dismissed 20") {
		t.Errorf("list: %+v", got)
	}
	if got := call(t, environment, "", "dlq", "list"); strings.Contains(got.stdout, s.Topic+"/0/1") || !strings.Contains(got.stdout, s.Topic+"/0/2") {
		t.Errorf("list of the open: %+v", got)
	}
}

func TestDismiss_NeedsANameAndAReason(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"neither":    {[]string{"--execute"}, []string{"--by: --execute needs it", "--why: --execute needs it"}},
		"blank":      {[]string{"--execute", "--by", " ", "--why", "x"}, []string{"--by: --execute needs it"}},
		"an address": {[]string{"--by", "kari@example.com", "--why", "for ola@example.com"}, []string{"--by: must not contain an e-mail address", "--why: must not contain an e-mail address"}},
		"two lines":  {[]string{"--why", "a\nb"}, []string{"--why: must be one line"}},
		"too long":   {[]string{"--by", strings.Repeat("x", 501)}, []string{"at most 500 characters"}},
	} {
		got := call(t, nil, "", append([]string{"dlq", "dismiss"}, c.args...)...)
		for _, want := range c.says {
			if got.code != exitUsage || !strings.Contains(got.stderr, want) || strings.Contains(got.stderr, "kari") {
				t.Errorf("%s: want %q: %+v", name, want, got)
			}
		}
	}
}
