package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pianola/pianola/internal/progress"
)

func TestProgressLine_RewritesOneLineOnATerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &progressLine{out: &out, width: 40, now: time.Now}
		report, stop := p.start()
		report(progress.Step{Name: "read subscriptions", Unit: "pages", Done: 1, Total: 4})
		<-time.After(progressDelay - time.Millisecond)
		synctest.Wait()
		p.mu.Lock() // the line is written under it
		if out.String() != "" {
			t.Errorf("a short command shows %q", out.String())
		}
		p.mu.Unlock()
		<-time.After(2 * time.Millisecond)
		if _, err := p.Write([]byte("a log entry\n")); err != nil {
			t.Error(err)
		}
		report(progress.Step{Name: "wait for messages that are late by a few minutes", Until: time.Now().Add(time.Minute)})
		<-time.After(time.Second)
		synctest.Wait()
		stop()
		want := "[#####...............] read subscripti…" + "\r\x1b[K" + "a log entry\n" +
			"wait for messages that are late by a f…" + "\r\x1b[K"
		if out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
	})
}

func TestProgressLine_WritesALineAnIntervalToAFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		p := &progressLine{out: &out, now: time.Now}
		report, stop := p.start()
		report(progress.Step{Name: "wait for the group", Unit: "offsets", Done: 5})
		<-time.After(5 * time.Second)
		report(progress.Step{Name: "wait for the group", Unit: "offsets", Done: 7, Until: time.Now().Add(time.Minute)})
		<-time.After(progressInterval - 4*time.Second)
		synctest.Wait()
		stop()
		if want := "progress: wait for the group: 7 offsets, 10s, at most 55s more\n"; out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
	})
}

func TestStepText_SpeedAndTimeLeft(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for want, c := range map[string]struct {
		step    progress.Step
		elapsed time.Duration
	}{
		"replay: 3000 of 12000 messages (25%), 10s, 300/s, 30s left":      {progress.Step{Name: "replay", Unit: "messages", Done: 3000, Total: 12000}, 10 * time.Second},
		"replay: 9000 of 12000 messages (75%), 10s, 100/s, 30s left":      {progress.Step{Name: "replay", Unit: "messages", Done: 9000, Earlier: 8000, Total: 12000}, 10 * time.Second},
		"replay: 8000 of 12000 messages (66%), 10s":                       {progress.Step{Name: "replay", Unit: "messages", Done: 8000, Earlier: 8000, Total: 12000}, 10 * time.Second},
		"replay: 300 of 12000 messages (2%), 1s":                          {progress.Step{Name: "replay", Unit: "messages", Done: 300, Total: 12000}, time.Second},
		"replay: 12000 of 12000 messages (100%), 1m0s, 200/s, 0s left":    {progress.Step{Name: "replay", Unit: "messages", Done: 12000, Total: 12000}, time.Minute},
		"replay: 10 of 100 messages (10%), 1m0s, 0.2/s, 9m left":          {progress.Step{Name: "replay", Unit: "messages", Done: 10, Total: 100}, time.Minute},
		"replay: 60000 of 86460000 messages (0%), 10s, 6000/s, 4h0m left": {progress.Step{Name: "replay", Unit: "messages", Done: 60000, Total: 86460000}, 10 * time.Second},
		"replay: 10 of 80 messages (12%), 10s, 1.0/s, 1m10s left":         {progress.Step{Name: "replay", Unit: "messages", Done: 10, Total: 80}, 10 * time.Second},
		"wait for the group: 7 offsets, 10s":                              {progress.Step{Name: "wait for the group", Unit: "offsets", Done: 7}, 10 * time.Second},
	} {
		if got := stepText(c.step, c.elapsed, now); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}
