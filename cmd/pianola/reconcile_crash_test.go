package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/loopback"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestReconcile_KilledDuringARun kills the real binary while it reads the API and
// while it asks again: no partial run is visible, and the next process
// continues.
func TestReconcile_KilledDuringARun(t *testing.T) {
	tier.Full(t, "builds and kills a process")
	t.Parallel()
	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 7, Subscribers: 600})
	s.Publish()
	s.Ingest()
	api := simulate(s, pianoapi.Config{Faults: pianoapi.Faults{Slow: time.Hour}})
	s.Must(api.publisher.Plant(7, 1))
	listen, err := loopback.FreeAddr()
	s.Must(err)
	s.Settings.HTTP.Listen = listen
	environment := append(environment(s.Settings), append(api.environment(), "PIANOLA_PIANO_TIMEOUT=1h", "PIANOLA_PIANO_PAGE_SIZE=50",
		"PIANOLA_KAFKA_SESSION_TIMEOUT=1s", "PIANOLA_KAFKA_HEARTBEAT_INTERVAL=250ms", "PIANOLA_LOG_LEVEL=warn")...)

	binary := build(t)
	sees := func(when string, snapshots, runs string, rows, open uint64) {
		t.Helper()
		var gotSnapshots, gotRuns []string
		var gotRows, gotOpen uint64
		s.One("SELECT groupArray(toString(state)) FROM (SELECT state FROM snapshot_runs FINAL WHERE source = 'api' ORDER BY as_of)", &gotSnapshots)
		s.One("SELECT groupArray(toString(state)) FROM (SELECT state FROM reconciliation_runs FINAL ORDER BY started_at)", &gotRuns)
		s.One("SELECT count() FROM piano_api_subscriptions", &gotRows)
		s.One("SELECT count() FROM drift FINAL WHERE closed_at IS NULL", &gotOpen)
		got := fmt.Sprint(strings.Join(gotSnapshots, " "), "; ", strings.Join(gotRuns, " "), "; ", gotRows, " rows, ", gotOpen, " open")
		if want := fmt.Sprint(snapshots, "; ", runs, "; ", rows, " rows, ", open, " open"); got != want {
			t.Errorf("%s: %s, want %s", when, got, want)
		}
	}
	all := uint64(api.publisher.Len()) // but for those of internal users

	api.Fail(pianoapi.SlowAnswer, "/publisher/subscription/list", 8, 1)
	p := start(t, binary, environment)
	p.until(t, "a page that does not come", func() bool { return api.Failed()[pianoapi.SlowAnswer] == 1 })
	_ = p.Stop() // it was killed
	sees("killed while it read", "begun", "begun", 0, 0)

	api.Fail(pianoapi.SlowAnswer, "/publisher/subscription/get", 4, 1)
	p = start(t, binary, environment)
	p.until(t, "an answer that does not come", func() bool { return api.Failed()[pianoapi.SlowAnswer] == 2 })
	_ = p.Stop()
	var internal uint64
	s.One("SELECT uniqExactIf(subscription_id, filtered OR subscription_id IN (SELECT subscription_id FROM internal_subscriptions)) FROM subscription_snapshots", &internal)
	sees("killed while it asked again", "begun complete", "begun begun", all-internal, 0)

	p = start(t, binary, environment)
	p.until(t, "a reconciliation", func() bool {
		_, metrics := get(t, listen, "/metrics")
		return strings.Contains(metrics, `pianola_reconciliations_total{outcome="complete"} 1`)
	})
	p.drain(t)
	sees("the next one", "begun complete complete", "begun begun complete", all-internal, 10)
	var wrong uint64
	for _, planted := range api.publisher.Planted() {
		var n uint64
		s.One(fmt.Sprintf("SELECT count() FROM drift FINAL WHERE kind = '%s' AND subscription_id = '%s' AND verified", planted.Kind, planted.SubscriptionID), &n)
		wrong += 1 - n
	}
	if wrong > 0 {
		t.Errorf("%d of what was planted was not found", wrong)
	}
}
