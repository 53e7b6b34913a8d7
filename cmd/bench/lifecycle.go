package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bench/probe"
	"github.com/pianola/pianola/internal/bench/system"
)

func (p *program) lifecycleCommand() *cobra.Command {
	rate := 10_000
	settings := map[string]string{}
	c := &cobra.Command{
		Use: "lifecycle", Short: "Times of start, rebalance, drain and recovery of Pianola under a steady load",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.lifecycle(c.Context(), rate, settings) },
	}
	c.Flags().IntVar(&rate, "rate", rate, "messages a second that are published meanwhile")
	c.Flags().StringToStringVar(&settings, "set", nil, "`KEY=VALUE` settings of Pianola, such as kafka.session_timeout=10s")
	return c
}

func (p *program) lifecycle(ctx context.Context, rate int, settings map[string]string) (err error) {
	if rate < 1 {
		return usagef("--rate %d, must be at least 1", rate)
	}
	l, systems, err := p.open(ctx, system.IsPianola, "pianola-native")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var results []probe.LifecycleResult
	for round := range p.rounds {
		for _, s := range systems {
			r, err := probe.Lifecycle(ctx, l, s.(system.Pianola), probe.LifecyclePlan{Rate: rate, Settings: settings, Messages: p.messages})
			if err != nil {
				return err
			}
			p.say(fmt.Sprintf("round %d: %s measured", round+1, s.Name()))
			results = append(results, r)
		}
	}
	if err := p.writeJSON(ctx, "lifecycle", results); err != nil {
		return err
	}
	var rows [][]string
	for _, s := range systems {
		row := []string{s.Name()}
		for _, figure := range lifecycleFigures {
			var values []float64
			for _, r := range results {
				if r.System == s.Name() {
					values = append(values, figure.of(r))
				}
			}
			slices.Sort(values)
			row = append(row, fmt.Sprintf("%.1f", values[len(values)/2]))
		}
		rows = append(rows, row)
	}
	header := []string{"seconds"}
	for _, figure := range lifecycleFigures {
		header = append(header, figure.name)
	}
	return writeTable(p.stdout, header, rows)
}

var lifecycleFigures = []struct {
	name string
	of   func(probe.LifecycleResult) float64
}{
	{"start-up", func(r probe.LifecycleResult) float64 { return r.StartUp }},
	{"first row", func(r probe.LifecycleResult) float64 { return r.FirstRow }},
	{"join of a second instance", func(r probe.LifecycleResult) float64 { return r.Join }},
	{"longest pause meanwhile", func(r probe.LifecycleResult) float64 { return r.JoinPause }},
	{"drain", func(r probe.LifecycleResult) float64 { return r.Drain }},
	{"takeover", func(r probe.LifecycleResult) float64 { return r.Takeover }},
	{"recovery from kill -9", func(r probe.LifecycleResult) float64 { return r.Kill }},
	{"from a killed ClickHouse", func(r probe.LifecycleResult) float64 { return r.ClickHouse }},
	{"drain of the last", func(r probe.LifecycleResult) float64 { return r.LastDrain }},
}
