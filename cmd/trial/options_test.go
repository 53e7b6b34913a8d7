package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/pianola/pianola/internal/trial"
	"github.com/pianola/pianola/internal/trial/harness"
)

// allWith is the names of the trials that run with a broker, in their order.
func allWith(kafka harness.Kafka) string {
	var names []string
	for _, one := range trial.All() {
		if one.Runs(kafka) {
			names = append(names, one.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ args, trials, wrong string }{
		{args: "", trials: allWith(harness.Embedded)},
		{args: "--kafka apache", trials: allWith(harness.Apache)},
		{args: "--only kill --seed 7 --duration 1h --times 3 --json", trials: "kill"},
		{args: "--kafka apache --only kafka", trials: "kafka"},
		{args: "--only kafka", trials: "kafka"},
		{args: "--only nothing", wrong: "is not one of kill, rebalance, "},
		{args: "--kafka both --runs 3 --only kill", trials: "kill kill"},
		{args: "--only kafka,kill", trials: "kill kafka"},
		{args: "--only broker", wrong: "cannot run with --kafka embedded"},
		{args: "--runs 0", wrong: "must be at least 1"},
		{args: "--kafka real", wrong: "not one of embedded, apache, both"},
		{args: "--times -1", wrong: "must not be below 0"},
		{args: "--duration -1s", wrong: "must not be below 0"},
		{args: "kill", wrong: "unexpected argument"},
		{args: "--sed 1", wrong: "unknown flag"},
	} {
		o, err := parse(strings.Fields(c.args), io.Discard)
		if c.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: got %v, want %q", c.args, err, c.wrong)
			}
			continue
		}
		var chosen []string
		for _, kafka := range o.kafkas {
			for _, one := range o.trials(kafka) {
				chosen = append(chosen, one.Name)
			}
		}
		if got := strings.Join(chosen, " "); err != nil || got != c.trials {
			t.Errorf("%q: got %q, %v; want %q", c.args, got, err, c.trials)
		}
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}
