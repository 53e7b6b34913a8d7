package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/offsets"
	"github.com/pianola/pianola/internal/sandbox/kafka"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestOffsets_Commands walks through show, plan, refusal and reset, in both forms of the
// result.
func TestOffsets_Commands(t *testing.T) {
	tier.Full(t, "runs a consumer")
	s := services(t).Fixture(t, testbed.Config{Protocol: "native"})
	environment := append(environment(s.Settings), "PIANOLA_LOG_LEVEL=error")
	for n := range 6 {
		s.Produce(kafka.Record{Value: fmt.Appendf(nil, `{"subscription_id":"s%d","event_timestamp":1750000000,"subscription_action":"Renewed"}`, n)})
	}
	line := func(text string) string {
		return strings.Join(strings.Fields(lineOf(strings.ReplaceAll(text, "  "+s.Topic, s.Topic), s.Topic+"/0")), " ")
	}
	offsetsCommand := func(args ...string) outcome {
		return call(t, environment, "", append([]string{"offsets"}, args...)...)
	}

	if got := offsetsCommand("show", "--clickhouse.database", "another"); got.code != exitFailed || !strings.Contains(got.stderr, "run pianola migrate") {
		t.Errorf("no tables yet: %+v", got)
	}
	if got := offsetsCommand("show"); got.code != exitDone || line(got.stdout) != s.Topic+"/0 - 0 6 6 6 0 - 0 -" || !strings.Contains(got.stdout, "group "+s.Topic+": Dead") {
		t.Errorf("nothing was consumed yet: %+v", got)
	}
	one := s.Serve()
	s.AwaitCommitted(one.Run)
	got := offsetsCommand("show")
	if got.code != exitDone || line(got.stdout) != s.Topic+"/0 6 0 6 6 0 0 6 6 1" || !strings.Contains(got.stdout, ": Stable, 1 members") || !strings.Contains(got.stdout, "CLIENT ID") {
		t.Errorf("while a consumer runs: %+v", got)
	}
	if got := offsetsCommand("reset", "--to-earliest"); got.code != exitDone || !strings.Contains(got.stdout, "stop every member of the group") {
		t.Errorf("a plan while a consumer runs: %+v", got)
	}
	if got := offsetsCommand("reset", "--to-earliest", "--execute"); got.code != exitFailed || got.stdout != "" || !strings.Contains(got.stderr, "the group is active") || !strings.Contains(got.stderr, "stop every pianola run") {
		t.Errorf("a reset while a consumer runs: %+v", got)
	}
	one.Drain()
	s.Eventually("a group without members", func() bool { return strings.Contains(offsetsCommand("show").stdout, ": Empty,") })

	if got := offsetsCommand("reset", "--to-offset", "2"); got.code != exitDone || line(got.stdout) != s.Topic+"/0 6 2 6 4 0" ||
		!strings.Contains(got.stdout, "reads 4 offsets again") || !strings.Contains(got.stdout, "dry run; add --execute") || s.Committed()[0] != 6 {
		t.Errorf("a plan: %+v", got)
	}
	got = offsetsCommand("reset", "--to-offset", "2", "--partition", "0", "--execute", "--json")
	var plan offsets.Plan
	if err := json.Unmarshal([]byte(got.stdout), &plan); err != nil || got.code != exitDone || !plan.Executed || len(plan.Changes) != 1 || plan.Changes[0].Next.Verdict != offsets.ReadsAgain || s.Committed()[0] != 2 {
		t.Errorf("a reset, as JSON: %v, %+v", err, got)
	}
	var report offsets.Report
	got = offsetsCommand("show", "--json")
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitDone || len(report.Partitions) != testbed.Partitions || report.Partitions[0].Next.ReadAgain != 4 {
		t.Errorf("show, as JSON: %v, %+v", err, got)
	}
	if got := offsetsCommand("reset", "--from-ledger", "--partition", "0", "--execute"); got.code != exitDone || !strings.Contains(got.stdout, "1 offsets were set and read back") || s.Committed()[0] != 6 {
		t.Errorf("a reset: %+v", got)
	}
	if got := offsetsCommand("reset", "--from-ledger", "--partition", "0"); got.code != exitDone || !strings.Contains(got.stdout, "every offset is there already") {
		t.Errorf("nothing to do: %+v", got)
	}
	if got := offsetsCommand("show", "--partition", "3"); got.code != exitUsage || !strings.Contains(got.stderr, "the partitions are 0 to 2") {
		t.Errorf("a partition that does not exist: %+v", got)
	}
	if got := offsetsCommand("show", "--topic", "nowhere"); got.code != exitUsage || !strings.Contains(got.stderr, "kafka.topics has "+s.Topic) {
		t.Errorf("a topic that is not configured: %+v", got)
	}
}

func TestOffsets_Usage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		want int
		says string
	}{
		"no target":            {nil, exitUsage, "give exactly one of --to-earliest"},
		"two targets":          {[]string{"--to-earliest", "--to-offset", "0"}, exitUsage, "give exactly one of"},
		"a target that is off": {[]string{"--to-latest=false"}, exitUsage, "give exactly one of"},
		"negative offset":      {[]string{"--to-offset", "-1"}, exitUsage, "--to-offset: must be 0 or more"},
		"time without zone":    {[]string{"--to-datetime", "2026-01-31T12:00:00"}, exitUsage, "--to-datetime: not a time with an offset or zone"},
		"time to come":         {[]string{"--to-datetime", "2999-01-01T00:00:00Z"}, exitUsage, "--to-datetime: is in the future"},
		"negative duration":    {[]string{"--by-duration", "-1h"}, exitUsage, "--by-duration: must be above 0"},
		"partition":            {[]string{"--to-latest", "--partition", "x"}, exitUsage, "--partition"},
		"configuration":        {[]string{"--to-latest"}, exitConfiguration, "kafka.brokers"},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, nil, "", append([]string{"offsets", "reset"}, c.args...)...)
			if got.code != c.want || !strings.Contains(got.stderr, c.says) || got.stdout != "" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestResetText_SaysWhatEachVerdictMeans has what a small walk does not meet.
func TestResetText_SaysWhatEachVerdictMeans(t *testing.T) {
	plan := &offsets.Plan{Status: offsets.Status{Group: "a\x1bb", State: "Empty"}}
	for i, next := range []offsets.Next{
		{Verdict: offsets.LosesMoved, Skipped: 11}, {Verdict: offsets.SkipsUnnoticed, Skipped: 22}, {Verdict: offsets.LosesRetained, Gone: 33}, {Verdict: offsets.LosesRecreated}, {Verdict: offsets.Continues},
	} {
		for n := range 12 {
			plan.Changes = append(plan.Changes, offsets.Change{Topic: "t", Partition: int32(100*i + n), Next: next})
		}
	}
	text := resetText(plan, 0)
	for _, want := range []string{
		"a·b", "skips 132 offsets that the ledger does not account for", "offsets reset --from-ledger --execute", "consumer.on_data_loss=continue",
		"skips 264 offsets without a report", "misses 396 offsets that retention removed", "finds a recreated topic", "in t/0, t/1, t/2, t/3, t/4, t/5, t/6, t/7, t/8, t/9 and 2 more partitions",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "t/400,") || strings.Contains(text, "t/10,") {
		t.Errorf("names more than it should:\n%s", text)
	}
}
