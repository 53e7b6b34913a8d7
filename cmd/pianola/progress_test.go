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
		want := "read subscriptions: 1 of 4 pages (25%)…" + "\r\x1b[K" + "a log entry\n" +
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
		if want := "progress: wait for the group: 7 offsets, 15s, at most 50s more\n"; out.String() != want {
			t.Errorf("got  %q\nwant %q", out.String(), want)
		}
	})
}
