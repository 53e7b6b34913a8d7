package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

func TestExport_WrongUsage(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says []string
	}{
		"no view":              {[]string{"--to", "x", "--format", "csv"}, []string{"accepts 1 arg"}},
		"a table":              {[]string{"dead_letters", "--to", "x", "--format", "csv"}, []string{"tables hold more than may leave"}},
		"nothing but the view": {[]string{"stream"}, []string{"--to: is missing", "--format: is not one of"}},
		"credentials in a URL": {[]string{"stream", "--to", "s3://user:" + canary + "@b/", "--format", "csv"}, []string{"--to: a URL must not contain credentials"}},
		"a time without zone":  {[]string{"stream", "--to", "x", "--format", "csv", "--since", "2026-01-01T00:00:00"}, []string{"--since: is neither last nor a time with an offset"}},
		"the future":           {[]string{"stream", "--to", "x", "--format", "csv", "--since", "2999-01-01T00:00:00Z"}, []string{"--since: is in the future"}},
		"since of a snapshot":  {[]string{"snapshot", "--to", "x", "--format", "csv", "--since", "last"}, []string{"--since: needs the stream"}},
		"month of a snapshot":  {[]string{"snapshot", "--to", "x", "--format", "csv", "--month", "2026-01", "--partition-by", "month"}, []string{"--month: needs a view", "--partition-by: needs a view"}},
		"months to one output": {[]string{"stream", "--to", "-", "--format", "csv", "--since", "last", "--partition-by", "month"}, []string{"--partition-by: standard output is one file", "--since: standard output has no earlier manifest"}},
		"by day":               {[]string{"stream", "--to", "x", "--format", "csv", "--partition-by", "day"}, []string{"--partition-by: is not month"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, nil, "", append([]string{"export"}, c.args...)...)
			if got.code != exitUsage || strings.Contains(got.stderr, canary) {
				t.Errorf("exit status %d: %s", got.code, got.stderr)
			}
			for _, text := range c.says {
				if !strings.Contains(got.stderr, text) {
					t.Errorf("standard error does not say %q:\n%s", text, got.stderr)
				}
			}
		})
	}
}

// TestExport_Results: the summary, as text and as JSON, and a stream with its summary on
// standard error.
func TestExport_Results(t *testing.T) {
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 41, Subscribers: 50})
	s.Publish()
	s.Ingest()
	env, dir := environment(s.Settings), t.TempDir()
	text := call(t, env, "", "export", "stream", "--to", dir, "--format", "csv", "--since", "last")
	if text.code != exitDone || !strings.Contains(text.stdout, "since            the beginning") || text.problems() != "" {
		t.Errorf("%+v", text)
	}
	again := call(t, env, "", "export", "stream", "--to", dir, "--format", "csv", "--since", "last", "--json")
	var m export.Manifest
	if err := json.Unmarshal([]byte(again.stdout), &m); err != nil || again.code != exitDone || m.Since == nil || m.Rows == 0 {
		t.Errorf("%v, %+v", err, again)
	}
	piped := call(t, env, "", "export", "stream", "--to", "-", "--format", "csv")
	file, err := os.ReadFile(filepath.Join(dir, m.Files[0].Name))
	s.Must(err)
	if got, want := sorted(piped.stdout), sorted(string(file)); piped.code != exitDone || !slices.Equal(got, want) || !strings.Contains(piped.stderr, "watermark") {
		t.Errorf("%d lines, the file has %d: %s", len(got), len(want), piped.stderr)
	}

	s.Exec("TRUNCATE TABLE subscription_events")
	s.Exec("ALTER TABLE ingest_ledger UPDATE written_at = written_at - toIntervalHour(1) WHERE true")
	nothing := call(t, env, "", "export", "stream", "--to", dir, "--format", "parquet")
	if nothing.code != exitFound || !strings.Contains(nothing.stderr, "nothing was exported: the ledger counts stored events") {
		t.Errorf("%+v", nothing)
	}
	missing := call(t, env, "", "export", "export_mine", "--to", dir, "--format", "parquet")
	if missing.code != exitFailed || !strings.Contains(missing.stderr, "view export_mine of database") {
		t.Errorf("%+v", missing)
	}
	unreachable := call(t, env, "", "export", "stream", "--to", dir, "--format", "parquet", "--export.clickhouse_addr", "127.0.0.1:1")
	if unreachable.code != exitFailed || !strings.Contains(unreachable.stderr, "no answer from clickhouse") || !strings.Contains(unreachable.stderr, "export.clickhouse_addr") {
		t.Errorf("%+v", unreachable)
	}
}

// sorted are the lines of a text: two exports of one view have their rows in other orders.
func sorted(text string) []string {
	return slices.Sorted(strings.Lines(text))
}

// TestExport_HasTheClientsOfBuckets: the command and the schedule of `pianola run` reach for
// the server of a bucket. A process without the clients would refuse the URL.
func TestExport_HasTheClientsOfBuckets(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "test")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "test")
	t.Setenv("AWS_MAX_ATTEMPTS", "1")
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 42, Subscribers: 10})
	const url, want = "s3://lake/piano?endpoint=http://127.0.0.1:1", "the server of the bucket refuses the connection"
	if got := call(t, environment(s.Settings), "", "export", "stream", "--to", url, "--format", "csv", "--since", "last"); got.code != exitFailed || !strings.Contains(got.stderr, want) {
		t.Errorf("the command: %+v", got)
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	log := &sharedBuffer{}
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"run"}, strings.NewReader(""), io.Discard, log,
			append(environment(s.Settings), "PIANOLA_EXPORT_SCHEDULE=stream --to "+url+" --format csv --since last --every 1h"))
	}()
	s.Eventually("the failure of the scheduled export", func() bool { return strings.Contains(log.String(), want) })
	cancel()
	if code := <-ended; code != exitDone {
		t.Errorf("exit status %d\n%s", code, log)
	}
}

// sharedBuffer is a buffer for a reader and a writer at the same time.
type sharedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *sharedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *sharedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
