package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// small returns options of a demonstration on free ports that takes about a second. Its year
// is the same on every day.
func small(t *testing.T) options {
	t.Helper()
	const free = "127.0.0.1:0"
	o, err := parse([]string{"--exit", "--subscribers", "300", "--end", "2026-06-30", "--kafka", free, "--clickhouse", free, "--clickhouse-http", free, "--http", free, "--piano", free, "--checkout", free, "--console", free}, time.Now(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", t.TempDir())
	return o
}

func TestDemonstrate_ReportsEqualViews(t *testing.T) {
	tier.Full(t, "runs the whole demonstration")
	o := small(t)
	o.verbose = true // the log and the progress share one writer
	o.dataDir = t.TempDir()
	for _, run := range []string{"first", "again, on kept data"} {
		var out, progress bytes.Buffer
		if err := demonstrate(t.Context(), o, &out, &progress); err != nil {
			t.Fatalf("%s: %v\n%s%s", run, err, &progress, &out)
		}
		for _, want := range []string{"messages read", "dead letters", "SELECT ", "YES (seed 1, 300 subscribers).", "YES (30 differences"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("%s: the report lacks %q:\n%s", run, want, &out)
			}
		}
	}
	t.Run("another_world_is_refused", func(t *testing.T) {
		o.seed = 2
		err := demonstrate(t.Context(), o, io.Discard, io.Discard)
		if err == nil || !strings.Contains(err.Error(), "--seed 1 --subscribers 300 --partitions 4") {
			t.Errorf("got %v, want an error that names the kept world", err)
		}
	})
}

// An interrupt before the result once returned success, which misled scripts that
// wait for --exit.
func TestDemonstrate_InterruptIsAnError(t *testing.T) {
	tier.Full(t, "runs the whole demonstration")
	o := small(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	err := demonstrate(ctx, o, io.Discard, trigger{"Publishing one year of events", interrupt})
	if !errors.Is(err, errInterrupted) {
		t.Errorf("got %v, want %v", err, errInterrupted)
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

// trigger calls a function once a text is written.
type trigger struct {
	text string
	call func()
}

func (w trigger) Write(p []byte) (int, error) {
	if strings.Contains(string(p), w.text) {
		w.call()
	}
	return len(p), nil
}

func TestParse_YearEndsToday(t *testing.T) {
	for now, want := range map[string]string{
		"2027-03-04T23:59:59Z": "2027-03-04", "2027-03-04T00:59:59Z": "2027-03-03", "2027-03-04T01:00:00Z": "2027-03-04",
		"2027-03-04T01:30:00+02:00": "2027-03-03",
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		o, err := parse(nil, at, io.Discard)
		if err != nil || o.end.Format(time.DateOnly) != want || o.end.Add(time.Hour).After(at) {
			t.Errorf("%s: got %v, %v, want %s", now, o.end, err, want)
		}
		if o, err = parse([]string{"--end", "2026-06-30"}, at, io.Discard); err != nil || o.end.Format(time.DateOnly) != "2026-06-30" || !o.endGiven {
			t.Errorf("--end: got %v, %v", o.end, err)
		}
	}
}

func TestParse_RejectsInvalidOptions(t *testing.T) {
	for _, args := range []string{"--protocol grpc", "--subscribers 0", "--partitions 65", "--end tomorrow", "--end 2199-01-01", "--services-only --exit", "more", "--drift -1", "--live NaN"} {
		if _, err := parse(strings.Fields(args), time.Now(), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
}

func TestParse_ReadsGrants(t *testing.T) {
	file := filepath.Join(t.TempDir(), "grants.sql")
	parsed := func(text string) (options, error) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return parse([]string{"--grants", file}, time.Now(), io.Discard)
	}
	o, err := parsed("-- analysts\nCREATE ROLE a;\nGRANT SELECT ON piano.* TO a;\n  GRANT INSERT ON piano.x TO a;\r\n")
	if want := []string{"GRANT SELECT ON piano.* TO a;", "GRANT INSERT ON piano.x TO a;"}; err != nil || !slices.Equal(o.guest, want) {
		t.Errorf("got %q, %v, want %q", o.guest, err, want)
	}
	if _, err := parsed("CREATE ROLE a;\n"); err == nil {
		t.Error("a file without grants is accepted")
	}
	if _, err := parse([]string{"--grants", file + ".missing"}, time.Now(), io.Discard); err == nil {
		t.Error("a missing file is accepted")
	}
}
