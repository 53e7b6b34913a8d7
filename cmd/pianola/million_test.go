package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/pianola/pianola/internal/reconcile"
	"github.com/pianola/pianola/internal/sandbox/pianoapi"
	"github.com/pianola/pianola/internal/sandbox/testbed"
)

// BenchmarkReconcile_Million is `pianola reconcile` as its own process over a million
// subscriptions of six or seven events each: the snapshot read in pages of 1000,
// stored and compared. ClickHouse and the simulated API share the machine with it.
// It reports seconds, and the resident memory of the process at its highest.
//
//	go test -run '^$' -bench Million -benchtime 1x ./cmd/pianola
func BenchmarkReconcile_Million(b *testing.B) {
	shelf := pianoapi.Synthetic{Subscriptions: 1_000_000, Begin: time.Date(2024, 6, 1, 0, 0, 0, 0, time.UTC)}
	s := testbed.Start(b).Fixture(b, testbed.Config{Protocol: "native"})
	s.Must(s.Analyst.Exec(b.Context(), shelf.EventsSQL("subscription_events")+" SETTINGS max_partitions_per_insert_block = 0"))
	server, err := pianoapi.Start(pianoapi.Config{}, shelf)
	s.Must(err)
	defer func() { s.Must(server.Close()) }()
	binary := build(b)
	for b.Loop() {
		command := exec.CommandContext(b.Context(), binary, "reconcile", "--json")
		command.Env = append(environment(s.Settings),
			"PIANOLA_PIANO_BASE_URL="+server.BaseURL(), "PIANOLA_PIANO_REPORTS_URL="+server.ReportsURL(),
			"PIANOLA_PIANO_AID="+server.AID(), "PIANOLA_PIANO_API_TOKEN="+server.Token(),
			"PIANOLA_PIANO_PAGE_SIZE=1000", "PIANOLA_PIANO_RATE=10000", "PIANOLA_RECONCILE_SETTLE=0s")
		var problems bytes.Buffer
		command.Stderr = &problems
		var out bytes.Buffer
		command.Stdout = &out
		s.Must(command.Start())
		peak := watchPeak(command.Process.Pid)
		if err := command.Wait(); err != nil {
			b.Fatalf("%v\n%s", err, &problems)
		}
		var report reconcile.Report
		s.Must(json.Unmarshal(out.Bytes(), &report))
		if report.Compared != uint64(shelf.Subscriptions) || !report.Clean() || report.Candidates > 0 {
			b.Errorf("got %s", &out)
		}
		for _, phase := range report.Took {
			b.ReportMetric(phase.Seconds, string(phase.Phase)+"-s")
		}
		b.ReportMetric(float64(<-peak)/1024, "MiB-peak")
	}
}

// watchPeak returns the peak resident memory of a process in KiB after its end. The
// system's own value for an ended process also counts its parent's memory, from the
// time between fork and exec.
func watchPeak(pid int) <-chan int {
	peak := make(chan int, 1)
	go func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		kib := 0
		for range ticker.C {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err != nil {
				break
			}
			_, rest, found := strings.Cut(string(status), "VmHWM:")
			if !found {
				break // it has ended, and nobody has asked for its status yet
			}
			if _, err := fmt.Sscan(rest, &kib); err != nil {
				break
			}
		}
		peak <- kib
	}()
	return peak
}
