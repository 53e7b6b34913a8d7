package main

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/replay/job"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// replayEnvironment has small chunks, so that there are many moments to end in, and quick
// heartbeats, so that a resumed job does not wait long for its dead predecessor.
func replayEnvironment(s *testbed.Fixture) []string {
	return append(append(os.Environ(), environment(s.Settings)...), "PIANOLA_KAFKA_FETCH_MAX_WAIT=50ms", "PIANOLA_BATCH_MAX_ROWS=150",
		"PIANOLA_REPLAY_HEARTBEAT=50ms", "PIANOLA_CONSUMER_INSTANCE=host-1", "PIANOLA_LOG_LEVEL=warn")
}

// ingestWrongly fills the tables by rules that are not those of the world.
func ingestWrongly(s *testbed.Fixture) {
	s.Helper()
	s.Publish()
	right := s.Settings
	s.Settings.Transform.SourceTimezone = "America/New_York"
	s.Settings.Transform.InternalEmailDomains = nil
	s.Ingest()
	s.Settings = right
}

// wantTablesOfTheWorld compares everything but the ledger: that says what the consumer did.
func wantTablesOfTheWorld(s *testbed.Fixture) {
	s.Helper()
	report, err := s.World.Truth().Compare(s.Context(), s.Analyst)
	s.Must(err)
	for _, check := range report.Checks {
		if !check.Equal() && check.Name != "table ingest_ledger" {
			s.Errorf("seed %d: %s", s.World.Config().Seed, check.String())
		}
	}
}

// TestReplay_KillNine kills the real binary at random times of a replay, resumes it, and
// compares the tables with the truth at the end.
//
// The default is five kills. The long form is 24, at other moments in each run:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run Replay_KillNine ./cmd/pianola
func TestReplay_KillNine(t *testing.T) {
	tier.Full(t, "kills a process many times")
	t.Parallel()
	kills := tier.Times(5, 24)
	seed := tier.Seed()
	t.Logf("kill moments are drawn from seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 9))
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 22, Subscribers: tier.Times(600, 3000)})
	ingestWrongly(s)
	env, binary := replayEnvironment(s), build(t)
	chunks := func() (n uint64) {
		s.One("SELECT count() FROM ingest_ledger WHERE kind = 'replay'", &n)
		return n
	}
	id, killedAtWork := "", 0
	args := []string{"replay", "kafka", "--from", "2000-01-01T00:00:00Z", "--execute"}
	for range kills {
		// A rate keeps work for the next process, and does not change what is done.
		p := startArgs(t, binary, slices.Clip(env), append(slices.Clip(args), "--rate", "6000")...)
		before := chunks()
		s.Must(testbed.Await(t.Context(), "a chunk of this process, or its end", func() (bool, error) { return chunks() > before || p.Ended() != nil, nil }))
		timer := time.NewTimer(time.Duration(dice.Int64N(int64(60 * time.Millisecond))))
		<-timer.C
		working := p.Ended() == nil
		_ = p.Stop() // it was killed
		if id == "" {
			s.One("SELECT any(job_id) FROM replay_jobs", &id)
			args = []string{"replay", "resume", id}
		}
		if working {
			killedAtWork++
		}
		if !working {
			break
		}
	}
	p := startArgs(t, binary, slices.Clip(env), args...)
	if err := p.Wait(); err != nil && killedAtWork == kills {
		t.Fatalf("the last one: %v\n%s", err, p.output.String())
	}
	wantTablesOfTheWorld(s)
	var jobs, complete, twice uint64
	s.One("SELECT uniqExact(job_id), countIf(record = 'progress' AND state = 'complete') FROM replay_jobs FINAL", &jobs, &complete)
	s.One("SELECT countIf(n > 1) FROM (SELECT count() AS n FROM subscription_events FINAL GROUP BY source_partition, source_offset)", &twice)
	if jobs != 1 || complete != 1 || twice != 0 {
		t.Errorf("%d jobs, %d complete; %d messages have two rows", jobs, complete, twice)
	}
	if want := kills * 2 / 5; killedAtWork < want {
		t.Errorf("only %d of %d kills hit a process that still had work; want at least %d", killedAtWork, kills, want)
	}
}

// TestReplay_Signals stops the real binary with Ctrl-C, resumes it, and cancels it from
// another process.
func TestReplay_Signals(t *testing.T) {
	tier.Full(t, "runs a process")
	t.Parallel()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 23, Subscribers: 500})
	ingestWrongly(s)
	env, binary := replayEnvironment(s), build(t)
	messages := func() (n uint64) {
		s.One("SELECT sum(messages) FROM ingest_ledger WHERE kind = 'replay'", &n)
		return n
	}
	stop := func(t *testing.T, args ...string) string {
		before := messages()
		p := startArgs(t, binary, slices.Clip(env), append(args, "--rate", "200")...)
		p.until(t, "a chunk", func() bool { return messages() > before })
		s.Must(p.command.Process.Signal(os.Interrupt))
		var exit *exec.ExitError
		if err := p.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitFailed {
			t.Errorf("ended with %v", err)
		}
		return p.output.String()
	}
	text := stop(t, "replay", "kafka", "--from", "2000-01-01T00:00:00Z", "--execute")
	found := regexp.MustCompile(`interrupted; finished work is durable, resume with pianola replay resume (\S+)`).FindStringSubmatch(text)
	if found == nil {
		t.Fatalf("it does not say how to resume:\n%s", text)
	}
	id := found[1]
	if again := stop(t, "replay", "resume", id); !strings.Contains(again, "replay resume "+id) {
		t.Errorf("the second time:\n%s", again)
	}
	t.Run("rules changed", func(t *testing.T) {
		got := call(t, append(slices.Clip(env), "PIANOLA_TRANSFORM_SOURCE_TIMEZONE=Asia/Tokyo"), "", "replay", "resume", id)
		if got.code != exitFailed || !strings.Contains(got.stderr, "transform.source_timezone") {
			t.Errorf("%+v", got)
		}
	})
	t.Run("canceled from elsewhere", func(t *testing.T) {
		before := messages()
		p := startArgs(t, binary, slices.Clip(env), "replay", "resume", id, "--rate", "200", "--json")
		p.until(t, "a chunk", func() bool { return messages() > before })
		if got := call(t, env, "", "replay", "cancel", id); got.code != exitDone ||
			// On a slow machine the job's latest record may be so old that its process counts as gone.
			!strings.Contains(got.stdout, "requested; its process on host-1/") && got.stdout != "job "+id+" canceled\n" {
			t.Errorf("%+v", got)
		}
		if err := p.Wait(); err == nil || !strings.Contains(p.output.String(), "the job was canceled; what it has written stays") {
			t.Errorf("%v\n%s", err, p.output.String())
		}
		var j job.Job
		if got := call(t, env, "", "replay", "show", id, "--json"); json.Unmarshal([]byte(got.stdout), &j) != nil || j.State != job.Canceled {
			t.Errorf("%+v", got)
		}
	})
}
