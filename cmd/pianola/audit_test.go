package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/audit"
	"github.com/pianola/pianola/internal/sandbox"
	"github.com/pianola/pianola/internal/sandbox/world"
	"github.com/pianola/pianola/internal/service"
)

// TestAudit_Command is the exit status and both forms of output, over both
// protocols; what is found is tested beside the package audit.
func TestAudit_Command(t *testing.T) {
	const topic, database, partitions = "piano.audited", "audited", 2
	s, err := sandbox.Start(t.Context(), sandbox.Loopback(map[string]int{topic: partitions}))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	c := world.Defaults()
	c.Seed, c.Subscribers, c.Topic, c.Partitions = 3, 100, topic, partitions
	w, err := world.New(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Tell(t.Context(), w, func(int) {}); err != nil {
		t.Fatal(err)
	}
	cfg := s.Configure("native", topic, database, w)
	conn, err := s.Analyst("default")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	settings := []string{
		"PIANOLA_KAFKA_BROKERS=" + s.Kafka.Addr(), "PIANOLA_KAFKA_TOPICS=" + topic, "PIANOLA_CLICKHOUSE_DATABASE=" + database,
		"PIANOLA_TRANSFORM_INTERNAL_USER_IDS=" + strings.Join(w.InternalUserIDs(), ","),
		"PIANOLA_TRANSFORM_INTERNAL_EMAIL_DOMAINS=" + strings.Join(w.InternalEmailDomains(), ","),
		"PIANOLA_LOG_LEVEL=error",
	}
	ways := map[string][]string{
		"native": append([]string{"PIANOLA_CLICKHOUSE_ADDR=" + s.ClickHouse.NativeAddr()}, settings...),
		"http":   append([]string{"PIANOLA_CLICKHOUSE_ADDR=" + s.ClickHouse.HTTPAddr(), "PIANOLA_CLICKHOUSE_PROTOCOL=http"}, settings...),
	}
	for way, environment := range ways {
		if got := call(t, environment, "", "audit"); got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
			t.Errorf("%s, no tables yet: %+v", way, got)
		}
	}
	if err := sandbox.Migrate(t.Context(), cfg, zap.NewNop()); err != nil {
		t.Fatal(err)
	}
	one, err := service.New(t.Context(), cfg, service.Options{Log: zap.NewNop(), Registry: prometheus.NewRegistry(), Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- one.Run(ctx) }() // goes on through everything below
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		one.Close()
	}()

	report := func(environment []string, args ...string) (audit.Report, outcome) {
		t.Helper()
		got := call(t, environment, "", append([]string{"audit", "--json"}, args...)...)
		var r audit.Report
		if err := json.Unmarshal([]byte(got.stdout), &r); err != nil {
			t.Fatalf("%v: %+v", err, got)
		}
		return r, got
	}
	deadline := time.Now().Add(time.Minute)
	for ended := false; !ended; {
		r, got := report(ways["native"])
		if got.code != exitDone || !r.Clean {
			t.Fatalf("while at work: %+v", got)
		}
		ended = true
		for _, p := range r.Partitions {
			ended = ended && p.Kafka.Committed == p.Kafka.LogEnd
		}
		if time.Now().After(deadline) {
			t.Fatalf("the consumer does not come to the end: %s", got.stdout)
		}
	}
	for way, environment := range ways {
		got := call(t, environment, "", "audit", "--deep")
		if got.code != exitDone || got.stderr != "" || !strings.Contains(got.stdout, "nothing is wrong: every committed offset of group pianola is accounted for") ||
			!strings.Contains(got.stdout, "messages were read again and each is in its place") {
			t.Errorf("%s, clean: %+v", way, got)
		}
		lines := strings.Split(got.stdout, "\n")
		if len(lines) < 3 || len(lines[0]) != len(lines[1]) || len(lines[1]) != len(lines[2]) || !strings.Contains(lines[2], topic+"/1") {
			t.Errorf("%s: not one aligned line a partition:\n%s", way, got.stdout)
		}
	}
	if err := conn.Exec(t.Context(), "ALTER TABLE audited.ingest_ledger DELETE WHERE source_partition = 1 SETTINGS mutations_sync = 2"); err != nil {
		t.Fatal(err)
	}
	for way, environment := range ways {
		got := call(t, environment, "", "audit")
		if got.code != exitFound || !strings.Contains(got.stdout, "committed_beyond_ledger: "+topic+"/1 [0, ") || !strings.Contains(got.stdout, "\n1 findings\n") ||
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
}
