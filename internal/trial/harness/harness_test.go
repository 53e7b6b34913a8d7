package harness

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/consumer"
	"github.com/pianola/pianola/internal/sandbox/clickhouse"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

func TestMain(m *testing.M) {
	clickhouse.ServeIfChild()
	os.Exit(m.Run())
}

// TestEnv shares one environment, because its start takes longest.
func TestEnv(t *testing.T) {
	tier.Full(t, "runs processes under faults")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	e, err := Open(ctx, Embedded, func(sentence string) { t.Log(sentence) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("planted_differences_are_found", func(t *testing.T) { wantDifferences(t, e) })
	t.Run("process_that_ends_by_itself_breaks_the_promise", func(t *testing.T) { wantEnded(t, e) })
}

// wantDifferences plants what a trial must find, after a stream that went well: a
// comparison that never fails proves nothing.
func wantDifferences(t *testing.T, e *Env) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := e.newRound(ctx, Trial{Name: "broken"}, 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	nothing := Scenario{Run: func(context.Context, Bounds) (int, error) { return 1, nil }}
	if _, err := r.play(ctx, nothing, Bounds{}); err != nil {
		t.Fatal(err)
	}
	compare := func() Result {
		c := Result{Holds: true}
		if err := r.compare(ctx, &c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	if c := compare(); !c.Holds {
		t.Fatalf("nothing is wrong, and the comparison says:\n%s", c.Account)
	}
	plant := func(statement string) {
		t.Helper()
		if err := r.Conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	// The view shows an event under another id as the same event.
	plant(`INSERT INTO subscription_events SELECT * REPLACE (generateUUIDv4() AS event_id) FROM subscription_events ORDER BY subscription_id DESC LIMIT 1`)
	plant(`ALTER TABLE subscription_events DELETE WHERE subscription_id IN
  (SELECT min(subscription_id) FROM subscription_events) SETTINGS mutations_sync = 2`)
	c := compare()
	if c.Holds || c.Doubled != 1 || c.Wrong == 0 {
		t.Errorf("an event is shown twice: %+v", c)
	}
	if c.Lost == 0 || c.Findings == 0 || !strings.Contains(c.Account, "audit: event_missing") {
		t.Errorf("a subscription is missing: %+v", c)
	}
}

// wantEnded is a trial whose process ends by itself: the tables are not compared, and
// the promise is broken all the same.
func wantEnded(t *testing.T, e *Env) {
	ends := Trial{Name: "ends", New: func(r *Round) Scenario {
		return Scenario{Run: func(context.Context, Bounds) (int, error) {
			p, err := r.Start("consumer")
			if err != nil {
				return 0, err
			}
			p.Terminate()
			<-p.Ended
			return 1, p.Alive()
		}}
	}}
	result, err := e.Run(t.Context(), ends, Plan{Seed: 6, Times: 1, Subscribers: 50})
	if err != nil {
		t.Fatal(err)
	}
	if result.Holds || !strings.Contains(result.Account, "pianola (consumer) ended by itself") || !strings.Contains(result.String(), "BROKEN") {
		t.Errorf("got %s", result)
	}
}

// TestProcess_Drain_before_its_signal_handler is SIGTERM to a process that has no
// handler for it yet.
func TestProcess_Drain_before_its_signal_handler(t *testing.T) {
	tier.Full(t, "builds and runs a process")
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\nexec tail -f /dev/null\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(sleeper, "consumer", []string{"run"}, os.Environ(), newJournal(nil, nil))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestProcess_Drain_before_its_work is SIGTERM to a process that still reads its settings.
// One that has logged has begun, and its end must be clean.
func TestProcess_Drain_before_its_work(t *testing.T) {
	for output, clean := range map[string]bool{
		"pianola: interrupted":                            true,
		`{"msg":"service started"}\npianola: interrupted`: false,
		"pianola: read schema version: refused":           false,
	} {
		script := filepath.Join(t.TempDir(), "pianola")
		if err := os.WriteFile(script, []byte("#!/bin/sh\nprintf '"+output+"\\n' >&2\nexit 1\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		p, err := startProcess(script, "consumer", []string{"run"}, os.Environ(), newJournal(nil, nil))
		if err != nil {
			t.Fatal(err)
		}
		<-p.Ended
		if err := p.Drain(t.Context()); (err == nil) != clean {
			t.Errorf("%s: %v", output, err)
		}
	}
}

func TestJournal_counts_generations_in_pieces_of_lines(t *testing.T) {
	var generations []int32
	j := newJournal(func(id int32) { generations = append(generations, id) }, nil)
	for _, piece := range []string{
		`{"msg":"` + consumer.LogGenerationStarted[:5], consumer.LogGenerationStarted[5:] + "\",\"generation\":4}\n" + `{"msg":"` + consumer.LogGenerationStarted + `","generation":4}`, "\n",
		"not JSON\n{\"msg\":\"generation ended\",\"generation\":5}\n{\"msg\":\"" + consumer.LogGenerationStarted + "\",\"generation\":6}\n",
	} {
		if n, err := j.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if want := []int32{4, 4, 6}; !slices.Equal(generations, want) {
		t.Errorf("generations %v, want %v", generations, want)
	}
	if tail := j.Tail(); !strings.Contains(tail, "not JSON\n") {
		t.Errorf("got %q", tail)
	}
}

func TestJournal_complaints_are_warnings_errors_and_other_text(t *testing.T) {
	j := newJournal(nil, nil)
	want := []string{`{"level":"warn","msg":"check kafka.tls"}`, `{"level":"error","msg":"clickhouse.user"}`, "pianola: clickhouse.password"}
	for _, line := range append(want, `{"level":"info","msg":"kafka.tls"}`) {
		_, _ = j.Write([]byte(line + "\n"))
	}
	if got := j.Complaints(); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestDeck_deals_each_card_once_before_any_again(t *testing.T) {
	d := Shuffled(rand.New(rand.NewPCG(1, 2)), "a", "b", "c")
	for range 3 {
		dealt := map[string]bool{}
		for range 3 {
			dealt[d.Draw()] = true
		}
		if len(dealt) != 3 {
			t.Errorf("one deck dealt %v", dealt)
		}
	}
}
