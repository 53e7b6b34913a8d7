package trial

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRun_Broken plants what a trial has to find, behind the back of a stream that
// went well: a verdict that never says no is worth nothing.
func TestRun_Broken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	stage, err := Open(ctx, Embedded, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	}()
	r, err := stage.newRound(ctx, "broken", 5, 100, false)
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
	plant(`INSERT INTO subscription_events SELECT * REPLACE (generateUUIDv4() AS event_id) FROM subscription_events ORDER BY event_id LIMIT 1`)
	if v := judge(); v.doubled != 1 || v.wrong == 0 || v.account == "" {
		t.Errorf("an event twice: %+v", v)
	}
	plant(`ALTER TABLE subscription_events DELETE WHERE subscription_id IN
  (SELECT min(subscription_id) FROM subscription_events) SETTINGS mutations_sync = 2`)
	if v := judge(); v.lost == 0 || v.found == 0 || !strings.Contains(v.account, "audit: event_missing") {
		t.Errorf("a subscription is gone: %+v", v)
	}
}

// TestRun_ProcessEnds is a process that does not outlive what is none of its
// business: the trial says so, with its last words.
func TestRun_ProcessEnds(t *testing.T) {
	p, err := startProcess("/bin/sh", "consumer", nil, &generations{})
	if err != nil {
		t.Fatal(err)
	}
	<-p.ended // there is no script named run
	err = p.alive()
	if err == nil || !strings.Contains(err.Error(), "ended by itself") || !strings.Contains(err.Error(), "run") {
		t.Errorf("got %v", err)
	}
	if err := p.drained(t.Context()); err == nil {
		t.Error("a failed process has drained")
	}
}

// TestRun_TerminatedAtBirth is SIGTERM before there is a handler for it.
func TestRun_TerminatedAtBirth(t *testing.T) {
	sleeper := filepath.Join(t.TempDir(), "sleeper")
	if err := os.WriteFile(sleeper, []byte("#!/bin/sh\nexec tail -f /dev/null\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p, err := startProcess(sleeper, "consumer", os.Environ(), &generations{})
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
		`{"msg":"generation be`, "gan\",\"generation\":4}\n" + `{"msg":"generation began","generation":4}`, "\n",
		"not JSON\n{\"msg\":\"generation ended\",\"generation\":5}\n{\"msg\":\"generation began\",\"generation\":6}\n",
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
