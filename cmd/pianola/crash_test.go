package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/sandbox/testbed"
	"github.com/pianola/pianola/internal/sandbox/testbed/tier"
)

// TestRun_KillNine repeatedly kills the real binary at random times during ingestion
// and compares the views with the truth at the end. It also checks that the killed
// processes were working, so that the kills cover the whole topic.
//
// The default is five kills. The long form is 24, at other moments in each run:
//
//	PIANOLA_TEST_LONG=1 go test -timeout 1h -run Run_KillNine ./cmd/pianola
func TestRun_KillNine(t *testing.T) {
	tier.Full(t, "kills a process many times")
	t.Parallel()
	kills := tier.Times(5, 24)
	seed := tier.Seed()
	t.Logf("kill moments are drawn from seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 9))

	s := services(t).Fixture(t, testbed.Config{Protocol: "native", Seed: 21, Subscribers: tier.Times(600, 3000)})
	s.Publish()
	// Small batches and short sessions make many moments to die in, and quick heirs.
	// A process that dies while it joins holds up its heir for the rebalance time-out.
	settings := append(os.Environ(), environment(s.Settings)...)
	settings = append(settings, "PIANOLA_KAFKA_SESSION_TIMEOUT=1s", "PIANOLA_KAFKA_HEARTBEAT_INTERVAL=250ms",
		"PIANOLA_KAFKA_REBALANCE_TIMEOUT=10s", "PIANOLA_CLICKHOUSE_INSERT_TIMEOUT=5s",
		"PIANOLA_BATCH_MAX_ROWS=200", "PIANOLA_BATCH_MAX_WAIT=5ms", "PIANOLA_LOG_LEVEL=warn")

	binary := build(t)
	killedAtWork := 0
	for kill := range kills {
		instance := fmt.Sprintf("killed-%d", kill)
		p := start(t, binary, append(slices.Clip(settings), "PIANOLA_CONSUMER_INSTANCE="+instance))
		// Wait until this process has flushed something, so that a slow machine
		// cannot make every kill hit a process that was still starting …
		p.until(t, "the first flush of this process", func() bool {
			var flushes uint64
			s.Must(s.Analyst.QueryRow(t.Context(), "SELECT count() FROM ingest_ledger WHERE instance = ?", instance).Scan(&flushes))
			return flushes > 0 || s.Ingested()
		})
		// … and then some, anywhere in the work of a batch.
		timer := time.NewTimer(time.Duration(dice.Int64N(int64(60 * time.Millisecond))))
		<-timer.C
		if !s.Ingested() {
			killedAtWork++
		}
		_ = p.Stop() // it was killed
	}
	p := start(t, binary, settings)
	p.until(t, "every message accounted for", s.Ingested)
	p.drain(t)

	s.WantTruth()
	if want := kills * 4 / 5; killedAtWork < want {
		t.Errorf("only %d of %d kills hit a process that still had work; want at least %d", killedAtWork, kills, want)
	}
}
