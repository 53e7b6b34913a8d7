package main

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ args, trials, wrong string }{
		{args: "", trials: "kill rebalance clickhouse"},
		{args: "--kafka apache", trials: "kill rebalance clickhouse kafka"},
		{args: "--only kill --seed 7 --duration 1h --times 3 --json", trials: "kill"},
		{args: "--kafka apache --only kafka", trials: "kafka"},
		{args: "--only kafka", wrong: "cannot be made with --kafka embedded"},
		{args: "--only nothing", wrong: "none of kill, rebalance, clickhouse, kafka"},
		{args: "--kafka real", wrong: "neither embedded nor apache"},
		{args: "--times -1", wrong: "not below 0"},
		{args: "--duration -1s", wrong: "not below 0"},
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
		for _, one := range o.trials {
			chosen = append(chosen, one.Name)
		}
		if got := strings.Join(chosen, " "); err != nil || got != c.trials {
			t.Errorf("%q: got %q, %v; want %q", c.args, got, err, c.trials)
		}
	}
	if _, err := parse([]string{"--help"}, io.Discard); !errors.Is(err, pflag.ErrHelp) {
		t.Errorf("help: %v", err)
	}
}
