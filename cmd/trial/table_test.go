package main

import (
	"strings"
	"testing"

	"github.com/pianola/pianola/internal/trial/harness"
)

func TestTable_AddsRunsUp(t *testing.T) {
	rows := tabulate([]harness.Result{
		{Trial: "kill", Fault: "kill -9", Kafka: harness.Embedded, Seed: 1, Times: 50, Messages: 100, Holds: true},
		{Trial: "rebalance", Fault: "rebalance", Kafka: harness.Embedded, Seed: 1, Times: 50, Messages: 10, Holds: true},
		{Trial: "kill", Fault: "kill -9", Kafka: harness.Embedded, Seed: 102, Times: 51, Messages: 200, Lost: 1, Doubled: 2, Wrong: 3, Findings: 4},
		{Trial: "kill", Fault: "kill -9", Kafka: harness.Apache, Seed: 1, Times: 7, Holds: true},
	})
	var b strings.Builder
	if err := writeTable(&b, rows); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(b.String(), "\n")
	for i, want := range []string{
		2: "| kill | kill -9 | embedded | 1, 102 | 101 | 300 | 1 | 2 | 3 | 4 | 1 of 2 |",
		3: "| rebalance | rebalance | embedded | 1 | 50 | 10 | 0 | 0 | 0 | 0 | 1 of 1 |",
		4: "| kill | kill -9 | apache | 1 | 7 | 0 | 0 | 0 | 0 | 0 | 1 of 1 |",
	} {
		if want != "" && lines[i] != want {
			t.Errorf("line %d: got %q, want %q", i, lines[i], want)
		}
	}
}
