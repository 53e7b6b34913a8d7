package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// wantGolden compares a text with a file. variable has pairs of an expression and its
// replacement, for what differs from run to run. They are applied in their order.
func wantGolden(t *testing.T, file, text string, variable [][2]string) {
	t.Helper()
	for _, v := range variable {
		text = regexp.MustCompile(v[0]).ReplaceAllString(text, v[1])
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if text != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", file, text, want)
	}
}

func TestReplayKafka_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args string
		says string
	}{
		"no window":                {"", "say which messages: --from with --to, --last, or --from-offsets"},
		"a date":                   {"--from 2026-01-31", "--from: not a time with an offset or zone; use a form such as 2026-01-31T12:00:00Z"},
		"a time without offset":    {"--from 2026-01-31T12:00:00", "--from: not a time with an offset or zone"},
		"an end without offset":    {"--from 2026-01-31T12:00:00Z --to 2026-02-01", "--to: not a time with an offset or zone"},
		"an end alone":             {"--to 2026-01-31T12:00:00Z", "--to: needs --from"},
		"the wrong way round":      {"--from 2026-01-31T12:00:00Z --to 2026-01-31T13:00:00+01:00", "--to: is not after --from"},
		"the future":               {"--from 2199-01-31T12:00:00Z", "--from: is in the future"},
		"last of nothing":          {"--last 0s", "--last: must be above 0"},
		"last and from":            {"--last 6h --from 2026-01-31T12:00:00Z", "--last: cannot be combined with --from"},
		"times and offsets":        {"--from-offsets 0:1 --last 6h", "--from-offsets: cannot be combined"},
		"offsets without colon":    {"--from-offsets 12", "--from-offsets: use PARTITION:OFFSET,..., such as 0:1200417,3:9000"},
		"a negative offset":        {"--from-offsets 0:-1", "--from-offsets: use PARTITION:OFFSET"},
		"a partition twice":        {"--from-offsets 0:1,0:2", "--from-offsets: partition 0 is there twice"},
		"an end without a start":   {"--to-offsets 0:1", "--to-offsets: needs --from-offsets"},
		"another partition":        {"--from-offsets 0:1 --to-offsets 1:5", "--to-offsets: partition 1 has no offset in --from-offsets"},
		"an end before a start":    {"--from-offsets 0:7 --to-offsets 0:7", "--to-offsets: offset 7 of partition 0 is not after 7"},
		"offsets of two topics":    {"--from-offsets 0:7 --kafka.topics a,b", "--from-offsets: kafka.topics has 2 topics; say which one with --topic"},
		"a negative rate":          {"--last 6h --rate -1", "--rate: must be a number above 0"},
		"a rate that is no number": {"--last 6h --rate NaN", "--rate: must be a number above 0"},
		"both ways":                {"--last 6h --dry-run --execute", "--dry-run: cannot be combined with --execute"},
		"an argument":              {"--last 6h now", "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			got := call(t, []string{"PIANOLA_KAFKA_BROKERS=127.0.0.1:1", "PIANOLA_CLICKHOUSE_ADDR=127.0.0.1:1"}, "", append([]string{"replay", "kafka"}, strings.Fields(c.args)...)...)
			if got.code != exitUsage || !strings.Contains(got.stderr, c.says) {
				t.Errorf("want %q: %+v", c.says, got)
			}
		})
	}
	for _, command := range []string{"show", "resume", "cancel"} {
		got := call(t, nil, "", "replay", command, "yesterday's")
		if got.code != exitUsage || !strings.Contains(got.stderr, "JOB: is not the id of a job, such as") || strings.Contains(got.stderr, "yesterday") {
			t.Errorf("%s: %+v", command, got)
		}
	}
}

// replayTopic sends three hours of messages with local times, one a minute, and ingests
// them in UTC.
func replayTopic(s *testbed.Fixture) {
	s.Helper()
	begin := time.Date(2025, 6, 15, 12, 0, 0, 0, time.UTC)
	var records []kafka.Record
	for i := range 180 {
		at := begin.Add(time.Duration(i) * time.Minute)
		records = append(records, kafka.Record{Partition: int32(i % 2), Time: at,
			Value: fmt.Appendf(nil, `{"subscription_id":"s%d","event_timestamp":"%s","subscription_action":"Renewed"}`, i, at.Format("2006-01-02 15:04:05"))})
	}
	s.Produce(records...)
	s.Ingest()
}

// TestReplayKafka_Command walks through plan, dry run, execution, repetition and the
// records of jobs, with the exit statuses and both forms of the results.
func TestReplayKafka_Command(t *testing.T) {
	tier.Full(t, "takes seconds on real servers")
	s := testbed.Start(t).Fixture(t, testbed.Config{Protocol: "native"})
	replayTopic(s)
	env := append(environment(s.Settings), "PIANOLA_KAFKA_FETCH_MAX_WAIT=50ms", "PIANOLA_TRANSFORM_SOURCE_TIMEZONE=Europe/Berlin", "PIANOLA_LOG_LEVEL=error",
		"PIANOLA_TRANSFORM_INTERNAL_USER_IDS=tester", "PIANOLA_TRANSFORM_ACTION_SYNONYMS=on hold:Canceled", "PIANOLA_CONSUMER_INSTANCE=host-1")
	hour := []string{"replay", "kafka", "--from", "2025-06-15T13:00:00Z", "--to", "2025-06-15 16:00 Europe/Berlin"}
	variable := [][2]string{{`estimated duration: .*`, "estimated duration: …"}, {`(?m)^  pianola  .*`, "  pianola …"}, {`[0-9]{8}t[0-9]{6}-[a-z0-9]{4}`, "JOB"},
		{`started +\S+ \S+`, "started …"}, {`finished +\S+ \S+`, "finished …"}, {`last record +\S+ \S+Z, by host-1/....`, "last record …"}}

	t.Run("plan", func(t *testing.T) {
		got := call(t, env, "", hour...)
		if got.code != exitDone || !strings.Contains(got.stdout, "a sample of 60 messages, read and compared without writing") {
			t.Errorf("%+v", got)
		}
		wantGolden(t, "replay_plan.txt", got.stdout, variable)
		var plan struct{ Plan struct{ Messages uint64 } }
		got = call(t, env, "", append(hour, "--json")...)
		if err := json.Unmarshal([]byte(got.stdout), &plan); err != nil || plan.Plan.Messages != 60 {
			t.Errorf("%v: %+v", err, got)
		}
	})
	t.Run("dry run", func(t *testing.T) {
		got := call(t, env, "", append(hour, "--dry-run")...)
		if got.code != exitFound || !strings.Contains(got.stderr, "a replay would change the tables") {
			t.Errorf("%+v", got)
		}
		wantGolden(t, "replay_dry_run.txt", got.stdout, variable)
	})
	var id string
	t.Run("execute", func(t *testing.T) {
		got := call(t, env, "", append(hour, "--execute", "--json")...)
		var result struct{ Job job.Job }
		if err := json.Unmarshal([]byte(got.stdout), &result); err != nil || got.code != exitDone {
			t.Fatalf("%v: %+v", err, got)
		}
		id = result.Job.ID
		if result.Job.State != job.Complete || result.Job.Counts[string(sink.Moved)] != 60 {
			t.Errorf("got %+v", result.Job)
		}
		var moved uint64
		s.One("SELECT countIf(toHour(event_timestamp) = 11) FROM piano_subscriber_event_stream", &moved)
		if moved != 60 {
			t.Errorf("%d events moved by two hours", moved)
		}
	})
	t.Run("again", func(t *testing.T) {
		got := call(t, env, "", append(hour, "--execute")...)
		if got.code != exitDone || !strings.Contains(got.stdout, ": complete, 60 of 60 done") || !strings.Contains(got.stdout, "as before  60") {
			t.Errorf("%+v", got)
		}
		if got := call(t, env, "", append(hour, "--dry-run")...); got.code != exitDone {
			t.Errorf("a dry run: %+v", got)
		}
	})
	t.Run("list and show", func(t *testing.T) {
		got := call(t, env, "", "replay", "list")
		if got.code != exitDone || strings.Count(got.stdout, "complete") != 2 || !strings.Contains(got.stdout, id) {
			t.Errorf("%+v", got)
		}
		if got := call(t, env, "", "replay", "list", "--limit", "1"); strings.Contains(got.stdout, id) || !strings.Contains(got.stdout, "the latest 1 of 2") {
			t.Errorf("%+v", got)
		}
		got = call(t, env, "", "replay", "show", strings.ToUpper(id))
		if got.code != exitDone {
			t.Errorf("%+v", got)
		}
		wantGolden(t, "replay_show.txt", got.stdout, variable)
		var one job.Job
		if got := call(t, env, "", "replay", "show", id, "--json"); json.Unmarshal([]byte(got.stdout), &one) != nil || one.ID != id || one.Plan.Ranges[0].From != 30 {
			t.Errorf("%+v", got)
		}
	})
	t.Run("nothing to resume or cancel", func(t *testing.T) {
		if got := call(t, env, "", "replay", "resume", id); got.code != exitFailed || !strings.Contains(got.stderr, "is complete; there is nothing to resume") {
			t.Errorf("%+v", got)
		}
		if got := call(t, env, "", "replay", "cancel", id); got.code != exitDone || !strings.Contains(got.stdout, "is complete already") {
			t.Errorf("%+v", got)
		}
		if got := call(t, env, "", "replay", "show", "20261129t221530-none"); got.code != exitFailed || !strings.Contains(got.stderr, "there is no such job") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("what does not exist", func(t *testing.T) {
		for args, want := range map[string]string{
			"--last 6h --topic other":       "topic other does not exist; check --topic and kafka.topics",
			"--last 6h --partition 3":       "has no partition 3; it has the partitions 0 to 2",
			"--from-offsets 5:0":            "has no partition 5",
			"--from-offsets 0:91":           "offset 91 of --from-offsets is past the end of the log (90)",
			"--last 6h --filter month=2024": "--filter: unknown key; use action=ACTION,subscription=ID",
		} {
			if got := call(t, env, "", append([]string{"replay", "kafka"}, strings.Fields(args)...)...); got.code != exitUsage || !strings.Contains(got.stderr, want) {
				t.Errorf("%s: want %q: %+v", args, want, got)
			}
		}
	})
	t.Run("an empty window", func(t *testing.T) {
		got := call(t, env, "", "replay", "kafka", "--last", "6h", "--execute")
		if got.code != exitFailed || !strings.Contains(got.stdout, "the window has no messages; Kafka has the offsets fixture_1/0 [0, 90)") || !strings.Contains(got.stderr, "nothing was read") {
			t.Errorf("%+v", got)
		}
	})
}
