package trial

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/consumer"
)

// wantBroken plants what a trial has to find, behind the back of a stream that
// went well: a verdict that never says no is worth nothing.
func wantBroken(t *testing.T, stage *Stage) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	r, err := stage.newRound(ctx, Trial{Name: "broken"}, 5, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	nothing := func(context.Context, *round, bounds) (int, error) { return 1, nil }
	if _, err := r.play(ctx, nothing, bounds{}); err != nil {
		t.Fatal(err)
	}
	judge := func() verdict {
		v, err := r.judge(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := judge(); v.account != "" {
		t.Fatalf("nothing is wrong, and it says:\n%s", v.account)
	}
	plant := func(statement string) {
		t.Helper()
		if err := r.conn.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	// An event under another id is the same event for who reads the view.
	plant(`INSERT INTO subscription_events SELECT * REPLACE (generateUUIDv4() AS event_id) FROM subscription_events ORDER BY subscription_id DESC LIMIT 1`)
	plant(`ALTER TABLE subscription_events DELETE WHERE subscription_id IN
  (SELECT min(subscription_id) FROM subscription_events) SETTINGS mutations_sync = 2`)
	v := judge()
	if v.doubled != 1 || v.wrong == 0 {
		t.Errorf("an event is shown twice: %+v", v)
	}
	if v.lost == 0 || v.found == 0 || !strings.Contains(v.account, "audit: event_missing") {
		t.Errorf("a subscription is gone: %+v", v)
	}
}

// wantEnded is a trial whose process ends by itself: that is no verdict of the
// tables, and yet the promise is broken.
func wantEnded(t *testing.T, stage *Stage) {
	ends := Trial{Name: "ends", run: func(ctx context.Context, r *round, _ bounds) (int, error) {
		p, err := r.start("consumer")
		if err != nil {
			return 0, err
		}
		p.terminate()
		<-p.ended
		return 1, p.alive()
	}}
	result, err := stage.Run(t.Context(), ends, Plan{Seed: 6, Times: 1, Subscribers: 50})
	if err != nil {
		t.Fatal(err)
	}
	if result.Holds || !strings.Contains(result.Account, "pianola (consumer) ended by itself") || !strings.Contains(result.String(), "BROKEN") {
		t.Errorf("got %s", result)
	}
}

// TestProcess_TerminatedAtBirth is SIGTERM before there is a handler for it.
func TestProcess_TerminatedAtBirth(t *testing.T) {
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\nexec tail -f /dev/null\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(sleeper, "consumer", os.Environ(), &journal{generations: &generations{}})
	if err != nil {
		t.Fatal(err)
	}
	p.terminate()
	if err := p.drained(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestJournal(t *testing.T) {
	g := &generations{}
	j := &journal{generations: g}
	for _, piece := range []string{
		`{"msg":"` + consumer.LogGenerationStarted[:5], consumer.LogGenerationStarted[5:] + "\",\"generation\":4}\n" + `{"msg":"` + consumer.LogGenerationStarted + `","generation":4}`, "\n",
		"not JSON\n{\"msg\":\"generation ended\",\"generation\":5}\n{\"msg\":\"" + consumer.LogGenerationStarted + "\",\"generation\":6}\n",
	} {
		if n, err := j.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
	}
	if g.count() != 2 {
		t.Errorf("%d generations, want 4 and 6", g.count())
	}
	if tail := j.tail(); !strings.Contains(tail, "not JSON\n") {
		t.Errorf("got %q", tail)
	}
}
