package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

func TestReplayFiles_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"no path":          {"", "requires at least 1 arg"},
		"another format":   {"--format xml a", "--format: must be ndjson, csv or parquet"},
		"a long separator": {"--separator ,, a", "--separator: must be one character"},
		"another quote":    {"--quote x a", `--quote: must be ", ' or none`},
		"too many at once": {"--parallel 100 a", "--parallel: must be from 1 to 16"},
		"both ways":        {"--dry-run --execute a", "--dry-run: cannot be combined with --execute"},
		"a negative rate":  {"--rate -1 a", "--rate: must be a number above 0"},
	} {
		got := call(t, []string{"PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", append([]string{"replay", "files"}, strings.Fields(c.args)...)...)
		if got.code != exitUsage || !strings.Contains(got.stderr, c.says) {
			t.Errorf("%s: want %q: %+v", name, c.says, got)
		}
	}
}

// historyLines are NDJSON of n subscriptions with one event each, in the order of time.
func historyLines(first, n int) string {
	var b strings.Builder
	for i := first; i < first+n; i++ {
		at := time.Date(2024, 1, 1, 0, 10*i, 0, 0, time.UTC)
		fmt.Fprintf(&b, `{"subscription_id":"S%d","event_timestamp":%q,"subscription_action":"Renewed","transaction_value":%d}`+"\n", i, at.Format(time.RFC3339), i)
	}
	return b.String()
}

// TestReplayFiles_Command walks through plan, dry run, execution and what the other
// commands say afterwards.
func TestReplayFiles_Command(t *testing.T) {
	s := services(t).Fixture(t, testbed.Config{Protocol: "native"})
	dir := t.TempDir()
	put := func(name, content string) {
		s.Must(os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	put("b.ndjson", historyLines(1000, 20))
	put("a.csv", "subscription_id;event_timestamp;subscription_action;Term Name;price\nX1;2024-01-01;Renewed;'Yearly';7\nX2;2024-01-02;Renewed;'Monthly';\n")
	put("c.ndjson", historyLines(2000, 1)+"not JSON canary\n")
	env := environment(s.Settings)
	pattern := filepath.Join(dir, "*")
	replay := func(args ...string) outcome { return call(t, env, "", append([]string{"replay"}, args...)...) }

	plan := replay("files", pattern)
	if plan.code != exitDone {
		t.Fatalf("plan: %+v", plan)
	}
	wantGolden(t, "replay_files_plan.txt", plan.stdout, [][2]string{
		{regexp.QuoteMeta(dir), "history"}, {`  pianola .*`, "  pianola …"}, {`sha-256 [0-9a-f]+`, "sha-256 …"}, {`built-in list [0-9a-f]+`, "built-in list …"},
		{`[ ]+SIZE`, " SIZE"}, {`(FILE|history/\S+)[ ]+`, "$1 "},
	})
	dry := replay("files", pattern, "--dry-run", "--json")
	var result replayed
	s.Must(json.Unmarshal([]byte(dry.stdout), &result))
	if dry.code != exitFound || result.Comparison.Changes[sink.Added] != 23 || result.Comparison.Changes[sink.AddedDeadLetter] != 1 || result.Job != nil {
		t.Errorf("dry run: %+v", dry)
	}
	executed := replay("files", pattern, "--execute", "--json")
	s.Must(json.Unmarshal([]byte(executed.stdout), &result))
	if executed.code != exitFound || result.Job.State != job.Complete || result.Job.Counts[job.Stored] != 23 || !strings.Contains(executed.stderr, "1 new dead letters (pianola dlq list)") {
		t.Errorf("executed: %+v", executed)
	}
	if strings.Contains(executed.stdout+executed.stderr+dry.stdout+dry.stderr, "canary") {
		t.Error("content of a row is printed")
	}
	if again := replay("files", pattern); again.code != exitDone || !strings.Contains(again.stdout, "no files to load") || !strings.Contains(again.stdout, "--again reads them") {
		t.Errorf("again: %+v", again)
	}
	if dry := replay("files", pattern, "--again", "--dry-run"); dry.code != exitDone || !strings.Contains(dry.stdout, "as before") {
		t.Errorf("dry run afterwards: %+v", dry)
	}
	if show := replay("show", result.Job.ID); show.code != exitDone || !strings.Contains(show.stdout, filepath.Join(dir, "b.ndjson")) || !strings.Contains(show.stdout, "files done") {
		t.Errorf("show: %+v", show)
	}
	withoutKafka := slices.DeleteFunc(slices.Clone(env), func(v string) bool { return strings.HasPrefix(v, "PIANOLA_KAFKA_") })
	if resumed := call(t, withoutKafka, "", "replay", "resume", result.Job.ID); resumed.code != exitFailed || !strings.Contains(resumed.stderr, "complete") {
		t.Errorf("a job over files needs Kafka: %+v", resumed)
	}
	if list := replay("list"); !strings.Contains(list.stdout, result.Job.ID+"  file    complete") {
		t.Errorf("list: %+v", list)
	}
	if at := filepath.Join(dir, "c.ndjson") + "/0/1"; call(t, env, "", "dlq", "show", at).code != exitDone {
		t.Errorf("dlq show %s: %+v", at, call(t, env, "", "dlq", "show", at))
	}
	if audit := call(t, env, "", "audit", "--json"); strings.Contains(audit.stdout, "ndjson") {
		t.Errorf("the audit of the group has found something about files: %+v", audit)
	}
	put("b.ndjson", historyLines(1000, 19))
	if refused := replay("files", pattern, "--execute"); refused.code != exitFailed || !strings.Contains(refused.stderr, "add --replace") {
		t.Errorf("changed: %+v", refused)
	}
	if replaced := replay("files", pattern, "--execute", "--replace"); replaced.code != exitDone || !strings.Contains(replaced.stdout, "delete markers") {
		t.Errorf("replaced: %+v", replaced)
	}
	if stdin := call(t, env, historyLines(5000, 3), "replay", "files", "-", "--execute"); stdin.code != exitDone || !strings.Contains(stdin.stdout, "stored") {
		t.Errorf("standard input: %+v", stdin)
	}
	var events uint64
	s.One("SELECT count() FROM piano_subscriber_event_stream", &events)
	if events != 25 {
		t.Errorf("%d events", events)
	}
	put("log.csv", "Subscription ID,Start date,Subscription status,User ID (UID),Term type\n")
	if log := replay("files", filepath.Join(dir, "log.csv"), "--execute"); log.code != exitFailed || !strings.Contains(log.stdout, "pianola reconcile --csv") {
		t.Errorf("subscription log: %+v", log)
	}
}

// TestReplayFiles_KilledAgainAndAgain kills a load with SIGKILL after some batches each
// time, resumes it, and compares the tables with those of one undisturbed load.
//
// The default is four kills, after one to four batches. The long form is ten, with more rows:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run KilledAgain ./cmd/pianola
func TestReplayFiles_KilledAgainAndAgain(t *testing.T) {
	tier.Full(t, "starts a process for each kill")
	servers := services(t)
	s, undisturbed := servers.Fixture(t, testbed.Config{Protocol: "native"}), servers.Fixture(t, testbed.Config{Protocol: "http"})
	dir := t.TempDir()
	for i := range tier.Times(3, 6) {
		name := filepath.Join(dir, fmt.Sprintf("%d.ndjson", i))
		s.Must(os.WriteFile(name, []byte(historyLines(4000*i, 5000)+"not JSON\n"), 0o600)) // a fifth is in two files
	}
	binary := build(t)
	limits := []string{"PIANOLA_BATCH_MAX_ROWS=500", "PIANOLA_REPLAY_HEARTBEAT=50ms"}
	pattern := filepath.Join(dir, "*")
	begin := func(args ...string) *exec.Cmd {
		command := exec.Command(binary, append([]string{"replay"}, args...)...)
		command.Env = append(environment(s.Settings), limits...)
		return command
	}
	batches := func() (n uint64) {
		s.One("SELECT count() FROM ingest_ledger", &n)
		return n
	}
	id := ""
	for kill := range tier.Times(4, 10) {
		args := []string{"files", pattern, "--execute", "--rate", "20000"}
		if id != "" {
			args = []string{"resume", id}
		}
		command := begin(args...)
		var output bytes.Buffer
		command.Stderr = &output
		s.Must(command.Start())
		before := batches()
		s.Must(testbed.Await(t.Context(), "batches", func() (bool, error) {
			return batches() >= before+uint64(1+kill%4), nil
		}))
		s.Must(command.Process.Kill())
		if err := command.Wait(); err == nil {
			t.Fatalf("kill %d: the job has ended before", kill)
		}
		s.One("SELECT any(job_id) FROM replay_jobs", &id)
	}
	out, err := begin("resume", id).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "complete") { // 3: there are dead letters
		t.Fatalf("%v: %s", err, out)
	}
	if got := call(t, environment(undisturbed.Settings), "", "replay", "files", pattern, "--execute"); got.code != exitFound {
		t.Fatalf("undisturbed: %+v", got)
	}
	for _, query := range []string{
		"SELECT toString(groupBitXor(cityHash64(event_id, subscription_id, event_timestamp, transaction_value))) || ' of ' || toString(count()) FROM %s.subscription_events FINAL",
		"SELECT toString(count()) || ' ' || toString(countIf(resolved_at IS NULL)) FROM %s.dead_letters FINAL",
		"SELECT toString(sum(messages)) FROM %s.ingest_ledger", // each row was accounted for once
	} {
		var got, want string
		s.One(fmt.Sprintf(query, s.Topic), &got)
		s.One(fmt.Sprintf(query, undisturbed.Topic), &want)
		if got != want {
			t.Errorf("%s: got %s, want %s", query, got, want)
		}
	}
}
