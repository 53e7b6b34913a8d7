package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bench/probe"
	"github.com/pianola/pianola/internal/bench/system"
)

func (p *program) latencyCommand() *cobra.Command {
	var rates []int
	var waits []time.Duration
	var duration time.Duration
	c := &cobra.Command{
		Use: "latency", Short: "Time from produce to visible at steady rates, and parts a minute",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.latency(c.Context(), rates, waits, duration) },
	}
	c.Flags().IntSliceVar(&rates, "rates", []int{1000, 20_000, 100_000}, "messages a second, separated by commas")
	c.Flags().DurationSliceVar(&waits, "max-wait", []time.Duration{100 * time.Millisecond, time.Second, 5 * time.Second}, "values of batch.max_wait, which only Pianola has")
	c.Flags().DurationVar(&duration, "duration", 30*time.Second, "how long messages are published")
	return c
}

func (p *program) latency(ctx context.Context, rates []int, waits []time.Duration, duration time.Duration) (err error) {
	for _, rate := range rates {
		if rate < 1 {
			return usagef("--rates: %d, must be at least 1", rate)
		}
	}
	if duration < 100*time.Millisecond || len(rates) == 0 || len(waits) == 0 {
		return usagef("latency needs rates, values of --max-wait, and a --duration of at least 100ms")
	}
	l, systems, err := p.open(ctx, system.Consumes, "pianola-native")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	var results []probe.LatencyResult
	var rows [][]string
	for _, rate := range rates {
		for _, maxWait := range waits {
			for _, s := range systems {
				r, err := probe.Latency(ctx, l, s, probe.LatencyPlan{Rate: rate, MaxWait: maxWait, Duration: duration, Messages: p.messages})
				if err != nil {
					return err
				}
				p.say(fmt.Sprintf("%s at %d/s, max_wait %s: %.0f ms (p50); other processes took %.0f %% of the machine", s.Name(), rate, maxWait, r.P50, 100*r.Noise))
				results = append(results, r)
				rows = append(rows, []string{r.System, fmt.Sprint(rate), maxWait.String(), fmt.Sprint(r.Messages),
					fmt.Sprintf("%.0f", r.P50), fmt.Sprintf("%.0f", r.P99), fmt.Sprintf("%.0f", r.P999), fmt.Sprintf("%.0f", r.PartsPerMinute),
					fmt.Sprintf("%.2f", r.CPU), fmt.Sprintf("%.2f", r.ClickHouse), fmt.Sprintf("%.0f %%", 100*r.Noise)})
			}
		}
	}
	if err := p.writeJSON(ctx, "latency", results); err != nil {
		return err
	}
	return writeTable(p.stdout, []string{"system", "messages/s", "max_wait", "messages", "p50 ms", "p99 ms", "p99.9 ms",
		"parts a minute", "processors: system", "ClickHouse", "other processes"}, rows)
}
