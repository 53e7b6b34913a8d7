package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/config"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// TestAudit_Command is the exit status and both forms of output, over both
// protocols; what is found is tested beside the package audit.
func TestAudit_Command(t *testing.T) {
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 3, Subscribers: 100})
	s.Publish()
	overHTTP := s.Services.Configure("http", s.Topic, s.Topic, s.World)
	overHTTP.Kafka.Group = s.Settings.Kafka.Group
	ways := map[string][]string{}
	for way, cfg := range map[string]config.Config{"native": s.Settings, "http": overHTTP} {
		ways[way] = append(environment(cfg), "PIANOLA_LOG_LEVEL=error")
	}
	for way, environment := range ways {
		if got := call(t, environment, "", "audit", "--clickhouse.database", "another"); got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
			t.Errorf("%s, no tables yet: %+v", way, got)
		}
	}
	if got := call(t, ways["native"], "", "audit"); got.code != exitFound || !strings.Contains(got.stdout, "no_offsets: ") {
		t.Errorf("nothing was consumed yet: %+v", got)
	}
	one := s.Serve() // runs until the end of the test
	s.Eventually("a first commit", func() bool { return len(s.Committed()) > 0 }, one.Run)

	report := func(environment []string, args ...string) (audit.Report, outcome) {
		t.Helper()
		got := call(t, environment, "", append([]string{"audit", "--json"}, args...)...)
		var r audit.Report
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		return r, got
	}
	s.Eventually("an audit that sees the topic's end", func() bool {
		r, got := report(ways["native"])
		if got.code != exitDone || !r.Clean {
			t.Fatalf("while at work: %+v", got)
		}
		for _, p := range r.Partitions {
			if p.Kafka.Committed != p.Kafka.LogEnd {
				return false
			}
		}
		return true
	}, one.Run)
	for way, environment := range ways {
		got := call(t, environment, "", "audit", "--deep")
		if got.code != exitDone || got.problems() != "" || !strings.Contains(got.stdout, "no findings: the ledger covers every committed offset of group "+s.Topic+",") ||
			!strings.Contains(got.stdout, "messages were read again, and the tables contain the outcome of each") {
			t.Errorf("%s, clean: %+v", way, got)
		}
		lines := strings.Split(got.stdout, "\n")
		if len(lines) < 3 || len(lines[0]) != len(lines[1]) || len(lines[1]) != len(lines[2]) || !strings.Contains(lines[2], s.Topic+"/1") {
			t.Errorf("%s: not one aligned line a partition:\n%s", way, got.stdout)
		}
	}
	s.Exec("ALTER TABLE ingest_ledger DELETE WHERE source_partition = 1")
	for way, environment := range ways {
		got := call(t, environment, "", "audit")
		if got.code != exitFound || !strings.Contains(got.stdout, "committed_beyond_ledger: "+s.Topic+"/1 [0, ") || !strings.Contains(got.stdout, "\n1 findings\n") ||
			!strings.Contains(got.stderr, "the check found something") {
			t.Errorf("%s, a ledger row is gone: %+v", way, got)
		}
		if r, got := report(environment, "--deep"); got.code != exitFound || r.Clean || !r.Deep || len(r.Findings) != 1 || r.Findings[0].Kind != audit.CommittedBeyond {
			t.Errorf("%s, as JSON: %+v", way, got)
		}
	}
	if got := call(t, ways["native"], "", "audit", "--kafka.topics", "nowhere"); got.code != exitFailed || !strings.Contains(got.stderr, "nowhere") {
		t.Errorf("a topic that is missing: %+v", got)
	}
	if got := call(t, nil, "", "audit"); got.code != exitConfiguration {
		t.Errorf("no configuration: %+v", got)
	}
	one.Drain()
}
