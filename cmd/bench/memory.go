package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/pianola/pianola/internal/bench/compare"
	"github.com/pianola/pianola/internal/bench/probe"
	"github.com/pianola/pianola/internal/bench/system"
)

func (p *program) memoryCommand() *cobra.Command {
	rest := 30 * time.Second
	c := &cobra.Command{
		Use: "memory", Short: "Memory at rest, and at full speed over a backlog",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return p.memory(c.Context(), rest) },
	}
	c.Flags().DurationVar(&rest, "rest", rest, "how long a system rests")
	return c
}

func (p *program) memory(ctx context.Context, rest time.Duration) (err error) {
	l, systems, err := p.open(ctx, system.HasProcess, "pianola-native", "pianola-http", "afternoon")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	b, err := compare.Prepare(ctx, l, p.messages)
	if err != nil {
		return err
	}
	var results []probe.MemoryResult
	var rows [][]string
	for _, s := range systems {
		r, err := probe.Memory(ctx, b, s, rest)
		if err != nil {
			return err
		}
		p.say(s.Name() + " measured")
		results = append(results, r)
		rows = append(rows, []string{r.System, mebibytes(r.Rest), mebibytes(r.RestPeak), mebibytes(r.Full)})
	}
	if err := p.writeJSON(ctx, "memory", results); err != nil {
		return err
	}
	return writeTable(p.stdout, []string{"resident MiB", "at rest", "peak of the start", "peak at full speed"}, rows)
}

func mebibytes(b int64) string { return fmt.Sprintf("%.0f", float64(b)/(1<<20)) }
