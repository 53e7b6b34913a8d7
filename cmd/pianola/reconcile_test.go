package main

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/pianola/pianola/internal/piano"
	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// simulated is a simulated Piano over a fixture's world, and the environment of a
// Pianola that asks it.
type simulated struct {
	*pianoapi.Server
	publisher *pianoapi.Publisher
}

func simulate(s *testbed.Fixture, cfg pianoapi.Config) simulated {
	s.Helper()
	publisher := pianoapi.NewPublisher(s.World, s.World.Truth(), pianoapi.PublisherConfig{Seed: 1})
	server, err := pianoapi.Start(cfg, publisher)
	s.Must(err)
	s.Cleanup(func() {
		if err := server.Close(); err != nil {
			s.Error(err)
		}
	})
	return simulated{server, publisher}
}

// environment is what an operator would add for the API. Nothing settles in a test.
func (s simulated) environment() []string {
	return []string{
		"PIANOLA_PIANO_BASE_URL=" + s.BaseURL(), "PIANOLA_PIANO_REPORTS_URL=" + s.ReportsURL(),
		"PIANOLA_PIANO_AID=" + s.AID(), "PIANOLA_PIANO_API_TOKEN=" + s.Token(), "PIANOLA_PIANO_RATE=10000",
		"PIANOLA_PIANO_RETRY_INITIAL=1ms", "PIANOLA_PIANO_RETRY_MAX=5ms", "PIANOLA_RECONCILE_SETTLE=0s",
	}
}

// export fetches the subscription log into a file.
func (s simulated) export(t *testing.T) string {
	t.Helper()
	cfg := piano.Defaults()
	cfg.BaseURL, cfg.ReportsURL, cfg.AID, cfg.Token, cfg.Rate = s.BaseURL(), s.ReportsURL(), s.AID(), s.Token(), 10_000
	client, err := piano.New(cfg, nil, zap.NewNop(), piano.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	name := filepath.Join(t.TempDir(), "subscriptions.csv")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := client.Export(t.Context(), time.Unix(0, 0), time.Now(), time.Millisecond, func() (io.Writer, error) { return file, nil }); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestReconcile_Command is the exit status and both forms of output, over both
// protocols; what is found is tested beside the package reconcile.
func TestReconcile_Command(t *testing.T) {
	tier.Full(t, "runs many reconciliations")
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 600})
	s.Publish()
	s.Ingest()
	api := simulate(s, pianoapi.Config{})
	native := append(environment(s.Settings), append(api.environment(), "PIANOLA_LOG_LEVEL=error")...)
	overHTTP := s.Services.Configure("http", s.Topic, s.Topic, s.World)
	overHTTP.Kafka.Group = s.Settings.Kafka.Group
	throughHTTP := append(environment(overHTTP), append(api.environment(), "PIANOLA_LOG_LEVEL=error")...)

	got := call(t, native, "", "config", "validate", "--connect")
	if got.code != exitDone || !strings.Contains(got.stdout, "\npiano: ok (") {
		t.Errorf("validate: %+v", got)
	}
	got = call(t, append(native, "PIANOLA_PIANO_API_TOKEN=wrong"), "", "config", "validate", "--connect")
	if got.code != exitFailed || !strings.Contains(got.stdout, "\npiano: FAILED: ") || !strings.Contains(got.stdout, "check piano.api_token") {
		t.Errorf("validate with a token of no use: %+v", got)
	}
	got = call(t, native, "", "reconcile")
	if got.code != exitDone || got.problems() != "" || !strings.Contains(got.stdout, "\nno drift; opened 0, closed 0; 0 open in the table drift\n") ||
		!strings.Contains(got.stdout, "before_stream: ") || !strings.Contains(got.stdout, "expired → completed") || !strings.Contains(got.stdout, "\nstream: first event at 20") {
		t.Errorf("nothing is planted: %+v", got)
	}

	const each = 2
	s.Must(api.publisher.Plant(5, each))
	got = call(t, throughHTTP, "", "reconcile")
	if got.code != exitFound || !strings.Contains(got.stderr, "the check found something") {
		t.Errorf("drift is planted: %+v", got)
	}
	for _, want := range []string{"missing_in_stream  drift        2      0\n", "\nstatus, examples:\n", "  stream: active  API: ", "drift: 16 differences; opened 20, closed 0; 20 open"} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("the output does not have %q", want)
		}
	}

	got = call(t, native, "", "reconcile", "--json")
	var report reconcile.Report
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitFound || report.StreamBegan == nil {
		t.Fatalf("%v: %+v", err, got)
	}
	// By its third snapshot the API has lost what it is missing: tombstones, which
	// compare as deleted.
	found := map[reconcile.Kind]uint64{}
	for _, k := range report.Drift {
		if found[k.Kind] = k.Count; k.Unverified != 0 {
			t.Errorf("not asked about again: %+v", k)
		}
	}
	want := map[reconcile.Kind]uint64{}
	for _, kind := range reconcile.Kinds() {
		want[kind] = each
	}
	delete(want, reconcile.MissingInAPI)
	want[reconcile.StatusDiffers] += each
	if !maps.Equal(found, want) || report.Snapshot.Tombstones != each || report.Open != 10*each || report.Closed != each {
		t.Errorf("found %v, want %v: %s", found, want, got.stdout)
	}

	log, now := api.export(t), time.Now().UTC().Truncate(time.Second).Format(time.RFC3339)
	without := append(environment(s.Settings), "PIANOLA_RECONCILE_SETTLE=0s", "PIANOLA_LOG_LEVEL=error")
	got = call(t, without, "", "reconcile", "--csv", log, "--as-of", now)
	if got.code != exitFound || !strings.Contains(got.stdout, "(unverified)") || !strings.Contains(got.stdout, "from a file: ") {
		t.Errorf("with a file: %+v", got)
	}

	// One subscription from before the stream: there are others to compare, and none is.
	old := filepath.Join(t.TempDir(), "old.csv")
	s.Must(os.WriteFile(old, []byte("Subscription ID,Subscription status,Start date,User ID (UID),Term type\nRCOLD,Active,2001-01-01 00:00:00 +0000,u,Payment\n"), 0o600))
	got = call(t, without, "", "reconcile", "--csv", old, "--as-of", now)
	if got.code != exitFound || !strings.Contains(got.stdout, "ATTENTION: no subscription was compared") || !strings.Contains(got.stdout, "\nnothing was compared; ") ||
		!strings.Contains(got.stderr, "the check found something: nothing was compared") {
		t.Errorf("nothing is compared: %+v", got)
	}
}

func TestReconcile_Errors(t *testing.T) {
	tier.Full(t, "reconciles many times")
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 20})
	api := simulate(s, pianoapi.Config{})
	without := append(environment(s.Settings), "PIANOLA_LOG_LEVEL=error")
	all := append(slices.Clone(without), api.environment()...)
	garbled := write(t, "log.csv", "Subscription ID,Start date\n\"RC1,2024-01-01\n")
	const at = "2026-01-01T00:00:00Z"
	for name, c := range map[string]struct {
		environment []string
		args        []string
		want        int
		says        []string
	}{
		"no token":               {without, nil, exitConfiguration, []string{"piano.api_token: is empty", "piano.aid: is empty", "--csv"}},
		"no application":         {append(slices.Clone(without), "PIANOLA_PIANO_API_TOKEN=t"), nil, exitConfiguration, []string{"piano.aid: is empty"}},
		"bad settle":             {all, []string{"--reconcile.settle", "-1s"}, exitConfiguration, []string{"reconcile.settle: "}},
		"a file without moment":  {all, []string{"--csv", garbled}, exitUsage, []string{"--as-of", "2026-01-31T12:00:00Z"}},
		"a moment without file":  {all, []string{"--as-of", at}, exitUsage, []string{"--csv"}},
		"a moment of no form":    {all, []string{"--csv", garbled, "--as-of", "2026-01-01"}, exitUsage, []string{"--as-of: not a time"}},
		"a moment to come":       {all, []string{"--csv", garbled, "--as-of", "2190-01-01T00:00:00Z"}, exitUsage, []string{"is in the future"}},
		"an export and a file":   {all, []string{"--export", "--csv", garbled, "--as-of", at}, exitUsage, []string{"conflicts with --csv"}},
		"a day without export":   {all, []string{"--export-from", "2024-01-01"}, exitUsage, []string{"needs --export"}},
		"a day of no form":       {all, []string{"--export", "--export-from", "1.1.2024"}, exitUsage, []string{"2024-01-31"}},
		"a day to come":          {all, []string{"--export", "--export-from", "2190-01-01"}, exitUsage, []string{"is in the future"}},
		"an export from year 1":  {all, []string{"--export", "--export-from", "0001-01-01"}, exitUsage, []string{"--export-from: is before the year 2000"}},
		"days of year 1":         {all, []string{"--csv", garbled, "--as-of", at, "--csv-from", "0001-01-01", "--csv-to", "2024-01-01"}, exitUsage, []string{"--csv-from: is before the year 2000"}},
		"a moment of year 1":     {all, []string{"--csv", garbled, "--as-of", "0001-01-01T00:00:00Z"}, exitUsage, []string{"--as-of: is before the year 2000"}},
		"no time for an export":  {all, []string{"--export", "--export-wait", "0s"}, exitUsage, []string{"must be above 0"}},
		"days without a file":    {all, []string{"--csv-from", "2024-01-01", "--csv-to", "2024-02-01"}, exitUsage, []string{"add --csv"}},
		"one day of a file":      {all, []string{"--csv", garbled, "--as-of", at, "--csv-to", "2024-02-01"}, exitUsage, []string{"each needs the other"}},
		"days of no form":        {all, []string{"--csv", garbled, "--as-of", at, "--csv-from", "1.1.2024", "--csv-to", "x"}, exitUsage, []string{"--csv-from: not a day", "--csv-to: not a day"}},
		"days of no order":       {all, []string{"--csv", garbled, "--as-of", at, "--csv-from", "2024-02-01", "--csv-to", "2024-01-01"}, exitUsage, []string{"is before --csv-from"}},
		"deletions and a file":   {all, []string{"--csv", garbled, "--as-of", at, "--accept-deletions", "3"}, exitUsage, []string{"--accept-deletions: needs the API"}},
		"an export, no token":    {without, []string{"--export"}, exitConfiguration, []string{"piano.api_token: is empty"}},
		"an export from nobody":  {all, []string{"--export", "--piano.reports_url", "http://127.0.0.1:1"}, exitFailed, []string{"/export/schedule", "connection refused"}},
		"an export of no API's":  {all, []string{"--export", "--piano.reports_url", api.BaseURL()}, exitFailed, []string{"/export/schedule", "check piano.reports_url"}},
		"an export that lasts":   {all, []string{"--export", "--export-wait", "10ms"}, exitFailed, []string{"/export/", "longer than --export-wait"}},
		"an export before all":   {all, []string{"--export", "--export-from", time.Now().UTC().Format(time.DateOnly)}, exitFailed, []string{"subscription log: holds no subscription"}},
		"no file":                {all, []string{"--csv", "/nowhere.csv", "--as-of", at}, exitFailed, []string{"/nowhere.csv"}},
		"a garbled file":         {without, []string{"--csv", garbled, "--as-of", at}, exitFailed, []string{"subscription log", "line"}},
		"no ClickHouse":          {all, []string{"--clickhouse.addr", "127.0.0.1:1"}, exitFailed, []string{"check clickhouse.addr"}},
		"no tables":              {all, []string{"--clickhouse.database", "nobody_made_this"}, exitFailed, []string{"pianola migrate"}},
		"no Kafka":               {all, []string{"--kafka.brokers", "127.0.0.1:1", "--kafka.request_timeout", "1s"}, exitFailed, []string{"kafka.brokers"}},
		"no topic":               {all, []string{"--kafka.topics", "nobody.made.this"}, exitFailed, []string{"nobody.made.this"}},
		"no API":                 {all, []string{"--piano.base_url", "http://127.0.0.1:1"}, exitFailed, []string{"/publisher/subscription/list", "connection refused"}},
		"a token of no use":      {append(slices.Clone(all), "PIANOLA_PIANO_API_TOKEN=wrong"), nil, exitFailed, []string{"check piano.api_token"}},
		"another's application":  {all, []string{"--piano.aid", "another"}, exitFailed, []string{"check piano.aid"}},
		"an address of no API's": {all, []string{"--piano.base_url", api.ReportsURL()}, exitFailed, []string{"check piano.base_url"}},
	} {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			got := call(t, c.environment, "", append([]string{"reconcile"}, c.args...)...)
			if got.code != c.want || got.stdout != "" {
				t.Errorf("exit status %d, want %d, and no result: %+v", got.code, c.want, got)
			}
			for _, want := range c.says {
				if !strings.Contains(got.stderr, want) {
					t.Errorf("standard error does not say %q: %s", want, got.stderr)
				}
			}
			if strings.Contains(got.stderr, api.Token()) {
				t.Errorf("the token comes out: %s", got.stderr)
			}
		})
	}
}

// TestReconcile_Export has the log made by the API, in every form.
func TestReconcile_Export(t *testing.T) {
	tier.Full(t, "reads exports of every form")
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 5, Subscribers: 600})
	s.Publish()
	s.Ingest()
	place := t.TempDir()
	t.Setenv("TMPDIR", place)
	var began time.Time
	for _, form := range []pianoapi.FileForm{pianoapi.PlainCSV, pianoapi.ZippedCSV} {
		api := simulate(s, pianoapi.Config{Export: pianoapi.Export{File: form, Polls: 1}})
		all := append(environment(s.Settings), api.environment()...)
		began = time.Now().UTC().Truncate(time.Millisecond)
		got := call(t, all, "", "reconcile", "--export", "--json")
		var report reconcile.Report
		if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != exitDone {
			t.Fatalf("%v: %+v", err, got)
		}
		if report.Snapshot.Source != "csv" || report.Snapshot.Rows == 0 || report.Compared == 0 || report.AsOf.Before(began) || report.AsOf.After(time.Now()) {
			t.Errorf("begun at %v: %s", began, got.stdout)
		}
		if out := got.stdout + got.stderr; strings.Contains(out, "@") || strings.Contains(out, "canary") {
			t.Errorf("something personal comes out: %s", out)
		}
	}
	api := simulate(s, pianoapi.Config{Export: pianoapi.Export{Polls: 1}})
	const each = 1
	s.Must(api.publisher.Plant(5, each))
	all := append(environment(s.Settings), append(api.environment(), "PIANOLA_LOG_LEVEL=error")...)
	if got := call(t, all, "", "reconcile", "--export"); got.code != exitFound || !strings.Contains(got.stdout, "from a file: ") || !strings.Contains(got.stdout, "(unverified)") {
		t.Errorf("drift is planted: %+v", got)
	}
	api.Fail(pianoapi.TruncatedBody, "/files/", 0, 1) // once does not matter
	if got := call(t, all, "", "reconcile", "--export"); got.code != exitFound {
		t.Errorf("a file that is cut once: %+v", got)
	}
	api.Fail(pianoapi.TruncatedBody, "/files/", 0, 3)
	if got := call(t, all, "", "reconcile", "--export"); got.code != exitFailed || !strings.Contains(got.stderr, "the answer was truncated: the download failed") {
		t.Errorf("a file that is cut: %+v", got)
	}
	left, err := os.ReadDir(place)
	if err != nil || len(left) > 0 {
		t.Errorf("%v is left of them, %v", left, err)
	}
}
