package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/export"
	"github.com/pianola/pianola/internal/sandbox/faultproxy"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
	"github.com/pianola/pianola/sink"
)

// TestExport_LoopBesideKills exports what is new again and again. Meanwhile a consumer
// ingests and is killed, and its inserts are slow, fail, or succeed without an answer.
// Exports are killed too. Then a replay gives other times to events, beside the exports. A
// consumer of the files that merges by the key has what the view shows.
//
// Inserts of events fail for longer than the overlap, so that only the ledger says that
// rows have become visible late.
//
// The long form has more events, and four times as many kills:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run LoopBesideKills ./cmd/pianola
func TestExport_LoopBesideKills(t *testing.T) {
	tier.Full(t, "kills processes many times")
	t.Parallel()
	kills, exportKills := tier.Times(3, 12), tier.Times(5, 20)
	seed := tier.Seed()
	t.Logf("faults are drawn from seed %d", seed)

	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 51, Subscribers: tier.Times(120, 1000)})
	s.Publish()
	direct := environment(s.Settings)
	proxy, err := faultproxy.Start(t.Context(), faultproxy.Config{Native: s.Settings.ClickHouse.Addr[0], HTTP: s.Settings.Export.ClickHouseAddr[0]})
	s.Must(err)
	t.Cleanup(proxy.Close)
	t.Cleanup(proxy.Control(flaky(seed)))
	s.Settings.ClickHouse.Addr = []string{proxy.NativeAddr()}
	behind := append(os.Environ(), environment(s.Settings)...)
	behind = append(behind, "PIANOLA_KAFKA_SESSION_TIMEOUT=1s", "PIANOLA_KAFKA_HEARTBEAT_INTERVAL=250ms",
		"PIANOLA_KAFKA_REBALANCE_TIMEOUT=10s", "PIANOLA_CLICKHOUSE_INSERT_TIMEOUT=1s", "PIANOLA_CLICKHOUSE_RETRY_INITIAL=10ms", "PIANOLA_CLICKHOUSE_RETRY_MAX=100ms",
		"PIANOLA_BATCH_MAX_ROWS=100", "PIANOLA_BATCH_MAX_WAIT=5ms", "PIANOLA_LOG_LEVEL=error")

	binary := build(t)
	loop := &exportLoop{T: t, binary: binary, environment: append(os.Environ(), append(slices.Clip(direct), "PIANOLA_CLICKHOUSE_INSERT_TIMEOUT=1s", "PIANOLA_EXPORT_OVERLAP=1500ms")...), dir: t.TempDir(), dice: rand.New(rand.NewPCG(seed, 2)), kills: exportKills}
	exporting := testbed.Go(t, loop.run)
	dice := rand.New(rand.NewPCG(seed, 1))
	for kill := range kills {
		instance := fmt.Sprintf("killed-%d", kill)
		p := start(t, binary, append(slices.Clip(behind), "PIANOLA_CONSUMER_INSTANCE="+instance))
		p.until(t, "the first flush of this process", func() bool {
			var flushes uint64
			s.Must(s.Analyst.QueryRow(t.Context(), "SELECT count() FROM ingest_ledger WHERE instance = ?", instance).Scan(&flushes))
			return flushes > 0 || s.Ingested()
		})
		timer := time.NewTimer(time.Duration(dice.Int64N(int64(150 * time.Millisecond))))
		<-timer.C
		_ = p.Stop() // it was killed
	}
	p := start(t, binary, behind)
	p.until(t, "every message accounted for", s.Ingested)
	p.drain(t)
	s.Eventually("the kills of exports", loop.killedAll, exporting)

	// The replay moves every event whose time has no offset.
	zone := append(slices.Clip(direct), "PIANOLA_TRANSFORM_SOURCE_TIMEZONE=Pacific/Auckland")
	if got := call(t, zone, "", "replay", "kafka", "--from-offsets", "0:0,1:0,2:0", "--execute"); got.code != exitDone && got.code != exitFound {
		t.Fatalf("%+v", got)
	}
	loop.finish()
	if err := exporting.Wait(); err != nil {
		t.Fatal(err)
	}
	loop.want(s, direct)
}

// flaky refuses inserts of events for three of every five seconds. At other times, and for
// other tables, it delays them, fails them before or after the server has executed them, or
// closes their connection.
func flaky(seed uint64) faultproxy.Control {
	const outage, period = 3 * time.Second, 5 * time.Second
	begin := time.Now()
	var mu sync.Mutex
	dice := rand.New(rand.NewPCG(seed, 3))
	return func(st faultproxy.Statement) (faultproxy.Fault, bool) {
		mu.Lock()
		defer mu.Unlock()
		if st.Verb != "INSERT" {
			return faultproxy.Fault{}, false
		}
		if st.Table == sink.EventsTable && time.Since(begin)%period < outage {
			return faultproxy.Fault{Code: 210}, true
		}
		f := faultproxy.Fault{At: faultproxy.Moment(dice.IntN(3)), Delay: time.Duration(dice.Int64N(int64(300 * time.Millisecond)))}
		switch dice.IntN(4) {
		case 0:
			f.Code = 210 // NETWORK_ERROR, which is retried
		case 1:
			f.Cut = true
		}
		return f, dice.IntN(3) > 0
	}
}

// exportLoop exports since the last one until finish is called. It kills some exports.
type exportLoop struct {
	*testing.T
	binary      string
	environment []string
	dir         string
	dice        *rand.Rand

	mu     sync.Mutex
	kills  int // that remain to be done
	done   bool
	killed int
}

func (l *exportLoop) finish() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.done = true
}

func (l *exportLoop) killedAll() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kills == 0
}

// run ends after one export that began when everything was there.
func (l *exportLoop) run(ctx context.Context) error {
	for ctx.Err() == nil {
		l.mu.Lock()
		last, kill := l.done, l.kills > 0 && l.dice.IntN(3) == 0
		if kill {
			l.kills--
		}
		after := time.Duration(l.dice.Int64N(int64(120 * time.Millisecond)))
		l.mu.Unlock()
		command := exec.CommandContext(ctx, l.binary, "export", "stream", "--to", l.dir, "--format", "ndjson", "--since", "last", "--partition-by", "month", "--log.level", "error")
		command.Env = l.environment
		var output bytes.Buffer
		command.Stderr = &output
		if err := command.Start(); err != nil {
			return err
		}
		if kill {
			timer := time.AfterFunc(after, func() { _ = command.Process.Kill() })
			if command.Wait() != nil {
				l.killed++
			}
			timer.Stop()
			continue
		}
		if err := command.Wait(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("export: %w: %s", err, output.String())
		}
		if last {
			return nil
		}
	}
	return ctx.Err()
}

// want merges all exports and compares them with the view.
func (l *exportLoop) want(s *testbed.Fixture, environment []string) {
	l.Helper()
	merged, exports, deletions := merge(l.T, l.dir)
	piped := call(l.T, environment, "", "export", "stream", "--to", "-", "--format", "ndjson")
	if piped.code != exitDone {
		l.Fatalf("%+v", piped)
	}
	shown := map[string]string{}
	for line := range strings.Lines(piped.stdout) {
		key, content := exportedEvent(l.T, line)
		shown[key] = content
	}
	missing, more, other := 0, 0, 0
	for key, content := range shown {
		switch got, found := merged[key]; {
		case !found:
			missing++
		case got != content:
			other++
		}
	}
	for key := range merged {
		if _, found := shown[key]; !found {
			more++
		}
	}
	l.Logf("%d exports, %d killed, %d events, %d deletions", exports, l.killed, len(shown), deletions)
	if missing+more+other > 0 || len(shown) == 0 {
		l.Errorf("of %d events of the view %d are missing and %d differ; %d are too many", len(shown), missing, other, more)
	}
	if deletions == 0 || exports < 10 {
		l.Errorf("%d exports with %d deletions: too few to show anything", exports, deletions)
	}
	entries, err := os.ReadDir(l.dir)
	s.Must(err)
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			l.Errorf("%s is left over", entry.Name())
		}
	}
}

// merge applies the files of all manifests in the order of their watermarks: in each, the
// deletions first.
func merge(t *testing.T, dir string) (events map[string]string, exports, deletions int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifests []export.Manifest
	for _, path := range paths {
		var m export.Manifest
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		manifests = append(manifests, m)
	}
	slices.SortFunc(manifests, func(a, b export.Manifest) int { return a.Watermark.Time().Compare(b.Watermark.Time()) })
	events = map[string]string{}
	each := func(files []export.File, apply func(key, content string)) {
		for _, file := range files {
			text, err := os.ReadFile(filepath.Join(dir, file.Name))
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				apply(exportedEvent(t, line))
			}
		}
	}
	for _, m := range manifests {
		each(m.Deletions, func(key, _ string) { delete(events, key); deletions++ })
		each(m.Files, func(key, content string) { events[key] = content })
	}
	return events, len(manifests), deletions
}

// exportedEvent is the key and the content of a line. synced_at is not content: an insert that was
// repeated after its process died may show the time of either.
func exportedEvent(t *testing.T, line string) (key, content string) {
	t.Helper()
	var row map[string]any
	if err := json.Unmarshal([]byte(line), &row); err != nil {
		t.Fatal(err)
	}
	delete(row, "synced_at")
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(row["subscription_id"], "\x1f", row["event_timestamp"], "\x1f", row["subscription_action"]), string(text)
}
